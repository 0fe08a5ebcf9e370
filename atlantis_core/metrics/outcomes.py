"""Top-1 outcome of every query: the input of the paired test and of the gap finder."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.metrics.ranking import Ranking
    from atlantis_core.records import LabelledImage


@dataclass(frozen=True, slots=True, eq=False)
class QueryOutcomes:
    """Top-1 of every query that has a positive, for one model, in the order of the queries."""

    ids: tuple[str, ...]
    """Image ids of the queries."""
    hit: NDArray[np.bool_]
    """(Q,) whether the top-1 is a positive."""
    returned: tuple[str, ...]
    """Label of the top-1."""

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.hit) == len(self.returned):
            raise ValueError(f"{len(self.ids)} ids, {len(self.hit)} hits and {len(self.returned)} labels do not fit")
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("a query id occurs twice; outcomes are matched by id")

    def save(self, path: Path) -> None:
        """Write an npz file of `ids`, `hit` and `returned`, each (Q,), atomically."""
        with write_atomically(path) as part, part.open("wb") as file:
            np.savez_compressed(
                file,
                ids=np.array(self.ids, dtype=np.str_),
                hit=self.hit,
                returned=np.array(self.returned, dtype=np.str_),
            )

    @classmethod
    def load(cls, path: Path) -> QueryOutcomes:
        """Read a file written by `save`; a `SetupError` if it does not contain outcomes."""
        try:
            # Opened here, because numpy does not close a file that is not an archive.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
                return cls(tuple(data["ids"].tolist()), data["hit"], tuple(data["returned"].tolist()))
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise SetupError(f"{str(path)!r} does not contain query outcomes ({error}); measure again") from error


def query_outcomes(
    ranking: Ranking, queries: Sequence[LabelledImage], gallery: Sequence[LabelledImage]
) -> QueryOutcomes:
    """Return the outcomes of the queries that have a positive; images are in the order of the ranking."""
    return label_outcomes(ranking, queries, [image.label for image in gallery])


def label_outcomes(ranking: Ranking, queries: Sequence[LabelledImage], labels: Sequence[str]) -> QueryOutcomes:
    """Return the same where what was ranked has a class without being an image, `labels` (E,): prototypes, say."""
    if len(queries) != len(ranking.positives):
        raise ValueError(f"{len(queries)} queries do not fit a ranking of {len(ranking.positives)}")
    rows = [int(row) for row in np.flatnonzero(ranking.has_positive)]
    return QueryOutcomes(
        ids=tuple(queries[row].id for row in rows),
        hit=ranking.first_hit[rows] == 0,
        returned=tuple(labels[ranking.nearest[row]] for row in rows),
    )


def worst_outcomes(ids: Sequence[str]) -> QueryOutcomes:
    """Return the outcomes of a crashed trial for Q query ids: every query missed, nothing returned."""
    return QueryOutcomes(tuple(ids), np.zeros(len(ids), np.bool_), ("",) * len(ids))
