"""Outcomes of two arms, paired by query and by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.metrics.outcomes import QueryOutcomes, worst_outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class PairedOutcomes:
    """Top-1 of Q queries with S seeds, before and after."""

    ids: tuple[str, ...]
    """Image ids of the queries, sorted."""
    seeds: tuple[int, ...]
    """Place of each seed in its arm; that of a crashed control is left out."""
    hit_before: NDArray[np.bool_]
    """(S, Q) whether the top-1 is a positive."""
    hit_after: NDArray[np.bool_]
    returned_before: NDArray[np.str_]
    """(S, Q) label of the top-1; empty if nothing was found."""
    returned_after: NDArray[np.str_]

    @property
    def change(self) -> NDArray[np.float64]:
        """(S, Q) 1 for a query that is won, -1 for one that is lost, else 0."""
        return self.hit_after.astype(np.float64) - self.hit_before


def pair_outcomes(
    control: Sequence[QueryOutcomes | None], candidate: Sequence[QueryOutcomes | None]
) -> PairedOutcomes | None:
    """Pair two arms as `paired_test.compare` does, on the queries that all outcomes have.

    A seed whose control crashed is left out, and a crashed candidate missed every query. Where one arm has more
    seeds, its last ones are left out. None if no seed or no query is left.
    """
    pairs = [
        (place, old, new or worst_outcomes(old.ids))
        for place, (old, new) in enumerate(zip(control, candidate, strict=False))
        if old
    ]
    if not pairs:
        return None
    ids = sorted(set.intersection(*(set(one.ids) for _, old, new in pairs for one in (old, new))))
    if not ids:
        return None
    before, after = [_align(old, ids) for _, old, _ in pairs], [_align(new, ids) for *_, new in pairs]
    return PairedOutcomes(
        tuple(ids),
        tuple(place for place, _, _ in pairs),
        np.stack([hit for hit, _ in before]),
        np.stack([hit for hit, _ in after]),
        np.stack([returned for _, returned in before]),
        np.stack([returned for _, returned in after]),
    )


def _align(outcomes: QueryOutcomes, ids: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Return hits (Q,) and labels (Q,) in the order of `ids`."""
    place = {identity: row for row, identity in enumerate(outcomes.ids)}
    rows = [place[identity] for identity in ids]
    return np.asarray(outcomes.hit, np.bool_)[rows], np.array(outcomes.returned, np.str_)[rows]
