"""Recall@1 of every cell, class x facet value, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.metrics.intervals import wilson
from atlantis_core.records import Cell, Interval

if TYPE_CHECKING:
    from atlantis_core.metrics.ranking import Ranking
    from atlantis_core.records import LabelledImage


@dataclass(frozen=True, slots=True)
class CellRecall:
    """How often the queries of a cell are answered rightly first."""

    cell: Cell
    recall_at_1: Interval
    """Share in [0, 1] with its 95 % Wilson interval; higher is better. Its count is the cell's queries."""

    def facts(self) -> dict[str, Any]:
        """Return it as plain data, keyed as the gaps of `atlantis diagnose` are."""
        cell, recall = self.cell, self.recall_at_1
        return {
            "class": cell.class_name,
            "facet": cell.facet,
            "value": cell.value,
            "recall_at_1": recall.value,
            "low": recall.low,
            "high": recall.high,
            "queries": recall.count,
        }


def cell_recalls(ranking: Ranking, queries: Sequence[LabelledImage]) -> tuple[CellRecall, ...]:
    """Return Recall@1 of every cell that holds a query with a partner, worst first.

    Worst is the lowest upper end of the interval: a cell that misses one query of one is less surely bad than one
    that misses nine of ten. Ties go by value, then by facet, value and class.

    Args:
        ranking: Of these queries.
        queries: Q images, in the order of the ranking.

    Raises:
        ValueError: The ranking is of another number of queries.
    """
    if len(queries) != len(ranking.partners):
        raise ValueError(f"{len(queries)} queries do not fit a ranking of {len(ranking.partners)}")
    tally: dict[Cell, list[bool]] = {}
    for row in np.flatnonzero(ranking.has_partner).tolist():
        image, hit = queries[row], bool(ranking.first_hit[row] == 0)
        for facet, value in image.facets.items():
            tally.setdefault(Cell(image.label, facet, value), []).append(hit)
    found = [CellRecall(cell, wilson(sum(hits), len(hits))) for cell, hits in tally.items()]
    return tuple(sorted(found, key=_badness))


def _badness(one: CellRecall) -> tuple[float, float, str, str, str]:
    cell, recall = one.cell, one.recall_at_1
    return recall.high, recall.value, cell.facet, cell.value, cell.class_name
