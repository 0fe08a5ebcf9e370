"""Targeted: the worst gaps that share a cause, and nothing else; the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.records import Cell
from atlantis_core.run.allocation.allocation import (
    Allocation,
    Shares,
    expand_cell,
    find_paid_round,
    list_all_cells,
    list_open_gaps,
    list_tried_cells,
    mean_deficit,
    spread_evenly,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Gap
    from atlantis_core.run.drafting import Brief

FEWEST_QUERIES = 20
"""Validation queries that the targeted cells of a round have together, if there are as many."""

PER_CELL = 24
"""Images per cell if the budget allows: enough to matter beside the real images of the class."""


class Targeted(Allocation):
    """Targets the worst gaps that share a cause; after a round that was rolled back, the next ones.

    Gaps whose images an earlier run refuted come last. Once every gap has been tried, the images are spread over the
    other cells.
    """

    asks_drafter = True

    def share_out(self, brief: Brief) -> Shares:
        """Return equal shares for the worst gaps; for the same cells again if other queries paid for their gain."""
        if not brief.responses and (paid := find_paid_round(brief)):
            cells = [request.cell for request in paid.protocol.cells]
            reason = f"round {paid.index} helped these cells and other queries paid for it: the same, weighing less"
            return Shares(tuple(spread_evenly(cells, brief.num_images, 0)), paid.protocol.expected_gain, reason)
        gaps = list_open_gaps(brief)
        if not gaps:
            return _spread_elsewhere(brief)
        if lacking := _find_lacking_cells(brief, gaps):
            reason = f"{explain_gaps(gaps)}; all {len(lacking)} classes that lack such images get some"
            return Shares(tuple(spread_evenly(lacking, brief.num_images, 0)), mean_deficit(gaps) / 2, reason)
        chosen = _add_queries(_select_leading(gaps)[: max(1, brief.num_images // PER_CELL * 2)], gaps)
        cells = [cell for gap in chosen for cell in expand_cell(gap.cell, brief.classes)]
        shares = spread_evenly(cells, brief.num_images, 0)
        return Shares(tuple(shares), mean_deficit(chosen) / 2, explain_gaps(chosen))


def _spread_elsewhere(brief: Brief) -> Shares:
    """Spread the images over the cells that no rolled-back round has targeted."""
    if not brief.history:
        raise ToolError("no gap was found")
    tried = list_tried_cells(brief.history)
    cells = [cell for cell in list_all_cells(brief) if cell not in tried]
    if not cells:
        raise ToolError("no cell is left that was not tried before")
    reason = f"no gap is left that was not tried before; the images go to the {len(cells)} other cells"
    return Shares(tuple(spread_evenly(cells, brief.num_images, brief.round)), 0.0, reason)


def _find_lacking_cells(brief: Brief, gaps: Sequence[Gap]) -> list[Cell]:
    """Return the cells of the one facet value that fails, in all classes that lack it; none if the gaps are all.

    The list of gaps ends somewhere. Where images go to some of the classes that lack a value and not to the others,
    queries of these are drawn to the images of those. A class lacks a value if it has less than half as many training
    images of it as the median class that has any.
    """
    values = {(gap.cell.facet, gap.cell.value) for gap in gaps}
    if len(values) != 1 or len(gaps) < 2 or any(gap.cause not in {"named", "scarce"} for gap in gaps):
        return []
    ((facet, value),) = values
    cells = expand_cell(Cell("", facet, value), brief.classes) if facet else []
    having = sorted(support for cell in cells if (support := brief.support.get(cell, 0)))
    if not having and any(gap.cause != "named" or gap.support for gap in gaps):
        return []  # nobody asked for a value that training never shows: which classes fail by it is not known
    limit = having[len(having) // 2] / 2 if having else 1
    shut = list_tried_cells(brief.history) | brief.refuted
    named = [cell for cell in cells if not brief.named or any(wanted.contains(cell) for wanted in brief.named)]
    lacking = [cell for cell in named if brief.support.get(cell, 0) < limit and cell not in shut]
    return lacking if len(lacking) > len(gaps) or not having else []


def _select_leading(gaps: Sequence[Gap]) -> list[Gap]:
    """Return the worst gap and those like it.

    If the worst gap is a scarce facet value, these are the gaps of that value in all classes, mild ones included:
    a single cell has too few queries to prove a gain, together they have enough. Otherwise they are the gaps whose
    score is at least half the worst one's.
    """
    worst = gaps[0]
    if worst.cause == "scarce" and worst.cell.facet:
        kind = ("scarce", worst.cell.facet, worst.cell.value)
        return [gap for gap in gaps if (gap.cause, gap.cell.facet, gap.cell.value) == kind]
    return [gap for gap in gaps if gap.score >= min(worst.score, worst.score / 2)]


def _add_queries(chosen: Sequence[Gap], gaps: Sequence[Gap]) -> list[Gap]:
    """Add the next gaps until there are enough queries to tell a gain from chance."""
    others = [gap for gap in gaps if gap not in chosen]
    wanted = list(chosen)
    while others and sum(gap.queries for gap in wanted) < FEWEST_QUERIES:
        wanted.append(others.pop(0))
    return wanted


def explain_gaps(chosen: Sequence[Gap]) -> str:
    """Say what fails in some gaps."""
    values = sorted({f"{gap.cell.facet}={gap.cell.value}" for gap in chosen if gap.cell.facet})
    recall = sum(gap.recall_at_1 for gap in chosen) / len(chosen)
    support = sum(gap.support for gap in chosen) / len(chosen)
    where = f" at {', '.join(values[:3])}" if values else ""
    if len(chosen) == 1:
        return f"1 cell{where} has R@1 {recall:.2f} with {count_noun(chosen[0].support, 'training image')}"
    return f"{len(chosen)} cells{where} have R@1 {recall:.2f} on average with {support:.1f} training images each"
