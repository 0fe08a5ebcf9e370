"""Confusions: which class is retrieved for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.metrics.outcomes import QueryOutcomes
    from atlantis_core.records import LabelledImage


@dataclass(frozen=True, slots=True)
class Confusion:
    """Queries of one class whose top-1 is of another."""

    label: str
    """Class of the queries."""
    returned: str
    """Class of the top-1 image."""
    count: int


def count_confusions(outcomes: QueryOutcomes, queries: Sequence[LabelledImage]) -> tuple[Confusion, ...]:
    """Return all confusions, most frequent first, ties by name; `queries` have the class of every query."""
    label_of = {image.id: image.label for image in queries}
    unknown = set(outcomes.ids) - set(label_of)
    if unknown:
        raise ValueError(f"{len(unknown)} outcomes have no matching query: {min(unknown)!r}")
    pairs = Counter(
        (label_of[identity], returned)
        for identity, hit, returned in zip(outcomes.ids, outcomes.hit, outcomes.returned, strict=True)
        if not hit
    )
    ordered = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Confusion(label, returned, count) for (label, returned), count in ordered)
