"""Gaps: cells with evidence that they are scarce, missed or confused, worst first.

A gap needs a deficit: Recall@1 below what its class and its facet value lead one to expect (`expected`), by
more than its uncertainty after borrowing strength from like cells (`pooling`). Scarce but easy is no gap.
Scarce *and* surely missed ranks before everything else, because more images are the one cure at hand: more
images of a cell that has plenty help less. Among equals the larger deficit comes first; where nothing is
scarce, the deficit alone decides. `score` says both at once: the deficit of a surely missed scarce cell, and
a twentieth of the deficit of any other.

Cells that a goal names are listed whatever their deficit, unless every query of theirs is answered: whoever
names them wants them better, also where they are no worse than the rest. Their cause is then `named`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Cause, Cell, Collection, Gap
from atlantis_core.statistics.cells import CellTable, CellTally, cell_tables
from atlantis_core.statistics.expected import expected_recall
from atlantis_core.statistics.pooling import pool_deficits
from atlantis_core.statistics.scarcity import find_scarce_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_DEFICIT = 0.02  # below two points nobody would act
_CLEAR_DEFICIT = 0.05  # the least of a surely missed scarce cell; the others' scores are scaled to stay below it
_LIKELY_Z = 0.84  # deficit over its standard deviation: 80 % sure, enough to be listed
_SURE_Z = 1.28  # 90 % sure, enough to rank a scarce cell before every cell that is not scarce
_CONFUSED_SHARE = 0.5  # of the misses that go to one and the same class
_CONFUSED_MISSES = 3
_NAMED = 3  # classes listed in `confused_with`


def _none_named(_: Cell) -> bool:
    return False


def find_gaps(
    collection: Collection,
    outcomes: QueryOutcomes | Sequence[QueryOutcomes],
    top: int = 20,
    is_named: Callable[[Cell], bool] = _none_named,
) -> tuple[Gap, ...]:
    """Return the worst `top` gaps, worst first.

    Args:
        collection: With the validation images that were the queries.
        outcomes: Of the incumbent model: one, or one per seed. Seeds are averaged; they do not add queries.
        top: How many at most; there may be fewer, or none.
        is_named: Whether a goal names a cell.

    Raises:
        ValueError: There are no outcomes, or they are not of this collection.
    """
    seeds = (outcomes,) if isinstance(outcomes, QueryOutcomes) else tuple(outcomes)
    gaps = [gap for table in cell_tables(collection, seeds) for gap in _find_facet_gaps(table, is_named)]
    # Names break ties, so that the order never depends on that of the files.
    gaps.sort(key=lambda g: (-g.score, g.recall_at_1, g.cell.facet, g.cell.value, g.cell.class_name))
    return tuple(gaps[:top])


def _find_facet_gaps(table: CellTable, is_named: Callable[[Cell], bool]) -> list[Gap]:
    """Return the gaps of one facet, in no order."""
    scarce = find_scarce_cells(table)
    asked = [row for row, tally in enumerate(table.cells) if tally.queries]
    if not asked:
        return []
    cells, scarce = [table.cells[row] for row in asked], scarce[asked]
    deficit, spread = _deficits(cells, scarce)
    worse = (deficit >= _LEAST_DEFICIT) & (deficit >= _LIKELY_Z * spread)
    named = np.array([is_named(tally.cell) and tally.hits < tally.queries for tally in cells], np.bool_)
    return [
        _to_gap(
            cells[row],
            table.typical_support,
            float(deficit[row]),
            is_scarce=bool(scarce[row]),
            is_sure=bool(deficit[row] >= max(_CLEAR_DEFICIT, _SURE_Z * spread[row])),
            is_worse=bool(worse[row]),
        )
        for row in np.flatnonzero(worse | named)
    ]


def _deficits(
    cells: Sequence[CellTally], scarce: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each cell's pooled deficit and its standard deviation; higher is worse."""
    queries = np.array([tally.queries for tally in cells], np.int64)
    hits = np.array([tally.hits for tally in cells], np.float64)
    classes = _number_names([tally.cell.class_name for tally in cells])
    values = _number_names([tally.cell.value for tally in cells])
    expected, doubt = expected_recall(hits / queries, queries, classes, values, ~scarce)
    # One hit and one miss more (Agresti, Coull 1998), so that a cell of three misses is not taken for
    # certain.
    smooth = (hits + 1) / (queries + 2)
    return pool_deficits(expected - hits / queries, smooth * (1 - smooth) / queries + doubt, values * 2 + scarce)


def _number_names(names: Sequence[str]) -> NDArray[np.int64]:
    """Number the names."""
    return np.unique(np.array(names, np.str_), return_inverse=True)[1].astype(np.int64)


def _to_gap(
    tally: CellTally, typical: float, deficit: float, *, is_scarce: bool, is_sure: bool, is_worse: bool
) -> Gap:
    """Write one gap down."""
    recall = wilson_interval(tally.hits, tally.queries)
    return Gap(
        cell=tally.cell,
        support=tally.support,
        typical_support=typical,
        recall_at_1=recall.value,
        low=recall.low,
        high=recall.high,
        queries=tally.queries,
        deficit=deficit,
        cause=_cause(tally, is_scarce) if is_worse or is_scarce else "named",
        confused_with=tuple(tally.returned)[:_NAMED],
        score=deficit if is_scarce and is_sure else deficit * _CLEAR_DEFICIT,
    )


def _cause(tally: CellTally, is_scarce: bool) -> Cause:
    """Name what is wrong with a cell that has a deficit."""
    if is_scarce:
        return "scarce"
    most = max(tally.returned.values(), default=0.0)
    misses = sum(tally.returned.values())
    return "confused" if most >= _CONFUSED_MISSES and most >= _CONFUSED_SHARE * misses else "missed"
