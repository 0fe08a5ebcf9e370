"""Gaps: cells with evidence that they are scarce, missed or confused, worst first.

A gap has a deficit: its Recall@1 is below what its class and its facet value predict, by more than the uncertainty
after pooling with similar cells (both in `deficits`). A scarce cell without a deficit is not a gap. Scarce cells with
a certain deficit rank first: generating images, the only remedy here, helps a well-supported cell less. Within both
groups the larger deficit comes first. `score` encodes this order: the deficit of a scarce cell with a certain
deficit, and a twentieth of the deficit of any other.

Cells named by a goal are listed whatever their deficit, unless all their queries are hits: the person wants them
improved even if they are no worse than the rest. Their cause is then `named`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Cause, Cell, Collection, Gap
from atlantis_core.statistics.cells import CellTable, CellTally, cell_tables, find_scarce_cells
from atlantis_core.statistics.deficits import cell_deficits

_LEAST_DEFICIT = 0.02  # two points; smaller deficits are not worth acting on
_CLEAR_DEFICIT = 0.05  # least certain deficit of a scarce cell; other scores are scaled to stay below it
_LIKELY_Z = 0.84  # deficit over its standard deviation: 80 % certain, enough to be listed
_CERTAIN_Z = 1.28  # 90 % certain, enough to rank a scarce cell before every cell that is not scarce
_CONFUSED_SHARE = 0.5  # of the misses go to the same class
_CONFUSED_MISSES = 3
_MAX_CONFUSED_WITH = 3  # classes listed


def find_gaps(
    collection: Collection,
    outcomes: QueryOutcomes | Sequence[QueryOutcomes],
    top: int = 20,
    is_named: Callable[[Cell], bool] = lambda _: False,
) -> tuple[Gap, ...]:
    """Return the worst `top` gaps, worst first, and cells that a goal names (`is_named`).

    Outcomes are the incumbent's, one or one per seed. Seeds are averaged; they do not add queries.
    """
    seeds = (outcomes,) if isinstance(outcomes, QueryOutcomes) else tuple(outcomes)
    gaps = [gap for table in cell_tables(collection, seeds) for gap in _find_facet_gaps(table, is_named)]
    # Names break ties, so that the order of the files has no effect.
    gaps.sort(key=lambda g: (-g.score, g.recall_at_1, g.cell.facet, g.cell.value, g.cell.class_name))
    return tuple(gaps[:top])


def _find_facet_gaps(table: CellTable, is_named: Callable[[Cell], bool]) -> list[Gap]:
    """Return the gaps of one facet, unordered."""
    scarce = find_scarce_cells(table)
    queried = [row for row, tally in enumerate(table.cells) if tally.queries]
    if not queried:
        return []
    cells, scarce = [table.cells[row] for row in queried], scarce[queried]
    deficit, spread = cell_deficits(cells, scarce)
    worse = (deficit >= _LEAST_DEFICIT) & (deficit >= _LIKELY_Z * spread)
    named = np.array([is_named(tally.cell) and tally.hits < tally.queries for tally in cells], np.bool_)
    return [
        _to_gap(
            cells[row],
            table.typical_support,
            float(deficit[row]),
            is_scarce=bool(scarce[row]),
            is_certain=bool(deficit[row] >= max(_CLEAR_DEFICIT, _CERTAIN_Z * spread[row])),
            is_worse=bool(worse[row]),
        )
        for row in np.flatnonzero(worse | named)
    ]


def _to_gap(
    tally: CellTally, typical: float, deficit: float, *, is_scarce: bool, is_certain: bool, is_worse: bool
) -> Gap:
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
        confused_with=tuple(tally.returned)[:_MAX_CONFUSED_WITH],
        score=deficit if is_scarce and is_certain else deficit * _CLEAR_DEFICIT,
    )


def _cause(tally: CellTally, is_scarce: bool) -> Cause:
    """Return the cause of a cell's deficit."""
    if is_scarce:
        return "scarce"
    most = max(tally.returned.values(), default=0.0)
    misses = sum(tally.returned.values())
    return "confused" if most >= _CONFUSED_MISSES and most >= _CONFUSED_SHARE * misses else "missed"
