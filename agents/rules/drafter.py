"""The protocol drafter by rules: targets the worst gaps and does not repeat what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.plural import count_noun
from atlantis_core.records import Cell, CellRequest, Gap, Protocol
from atlantis_core.run.remedies import makes_images

if TYPE_CHECKING:
    from atlantis_core.run.drafting import Brief
    from atlantis_core.run.round import JudgedRound

FEWEST_QUERIES = 20
"""Validation queries that the targeted cells of a round have together, if there are as many."""

PER_CELL = 24
"""Images per cell if the budget allows: enough to matter beside the real images of the class."""


class RuleDrafter:
    """Targets the worst gaps that share a cause; after a round that was rolled back, the next ones.

    Gaps whose images an earlier run refuted come last.

    Once every gap has been tried, the images are spread over the other cells.
    """

    def draft(self, brief: Brief) -> Protocol:
        """Return a protocol within `brief.num_images`; a `ToolError` if there is no gap and no untried cell."""
        if brief.spread == "uniform":
            cells = _all_cells(brief)
            reason = (
                f"control arm: {count_noun(brief.num_images, 'image')} spread over {count_noun(len(cells), 'cell')}"
            )
            return _protocol(brief, _spread(cells, brief.num_images, brief.round), 0.0, reason)
        tried = _list_tried_cells(brief.history)
        tried |= {replace(cell, class_name="") for cell in tried}
        gaps = [gap for gap in brief.gaps if gap.cell not in tried]
        gaps = [gap for gap in gaps if gap.cell not in brief.refuted] or gaps
        if not gaps:
            return _draft_elsewhere(brief)
        if unseen := _find_unseen_value(gaps):
            cells = expand_cell(unseen, brief.classes)
            reason = f"{_explain(gaps)}; no training image shows it, so every class gets some"
            return _protocol(brief, _spread(cells, brief.num_images, 0), _mean_deficit(gaps) / 2, reason)
        chosen = _add_queries(_select_leading(gaps)[: max(1, brief.num_images // PER_CELL * 2)], gaps)
        cells = [cell for gap in chosen for cell in expand_cell(gap.cell, brief.classes)]
        return _protocol(brief, _spread(cells, brief.num_images, 0), _mean_deficit(chosen) / 2, _explain(chosen))


def expand_cell(cell: Cell, classes: Sequence[str]) -> list[Cell]:
    """Return a cell itself; a facet value without a class, as in the `unseen` regime, with every training class."""
    return [cell] if cell.class_name else [Cell(name, cell.facet, cell.value) for name in classes]


def _draft_elsewhere(brief: Brief) -> Protocol:
    """Spread the images over the cells that no rolled-back round has targeted."""
    if not brief.history:
        raise ToolError("no gap was found")
    tried = _list_tried_cells(brief.history)
    cells = [cell for cell in _all_cells(brief) if cell not in tried]
    if not cells:
        raise ToolError("no cell is left that was not tried before")
    reason = f"no gap is left that was not tried before; the images go to the {len(cells)} other cells"
    return _protocol(brief, _spread(cells, brief.num_images, brief.round), 0.0, reason)


def _find_unseen_value(gaps: Sequence[Gap]) -> Cell | None:
    """Return the facet value that the goal names in several classes while no training image of these shows it."""
    values = {(gap.cause, gap.cell.facet, gap.cell.value) for gap in gaps}
    if len(values) != 1 or len(gaps) < 2 or any(gap.support for gap in gaps):
        return None
    cause, facet, value = values.pop()
    return Cell("", facet, value) if cause == "named" and facet else None


def _mean_deficit(gaps: Sequence[Gap]) -> float:
    return sum(gap.deficit for gap in gaps) / len(gaps)


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


def _list_tried_cells(history: Sequence[JudgedRound]) -> set[Cell]:
    """Return the cells of the rounds that were not kept."""
    failed = [judged.protocol for judged in history if not judged.is_kept]
    return {
        request.cell for protocol in failed if makes_images(protocol.remedy) for request in protocol.cells
    }  # a search or a recipe that did not help says nothing of images for these cells


def _all_cells(brief: Brief) -> list[Cell]:
    pairs = [(facet, value) for facet, values in brief.facet_values.items() for value in values]
    return [Cell(name, facet, value) for facet, value in pairs or [("", "")] for name in brief.classes]


def _spread(cells: Sequence[Cell], num_images: int, offset: int) -> list[CellRequest]:
    """Share images evenly among cells; with fewer images than cells, every k-th cell gets one."""
    if num_images < len(cells):
        step = len(cells) / num_images
        return [CellRequest(cells[(int(i * step) + offset) % len(cells)], 1) for i in range(num_images)]
    share, rest = divmod(num_images, len(cells))
    return [CellRequest(cell, share + (index < rest)) for index, cell in enumerate(cells)]


def _protocol(brief: Brief, cells: Sequence[CellRequest], expected_gain: float, reason: str) -> Protocol:
    shown = sorted({f"{request.cell.facet}: {request.cell.value}" for request in cells if request.cell.facet})
    objective = "photos of the named classes" + (f" with {', '.join(shown[:6])}" if shown else ", varied")
    return Protocol(
        id=content_hash("protocol", [brief.round, cells, brief.spread])[:12],
        round=brief.round,
        arm=brief.modes[0],
        cells=tuple(cells),
        objective=objective,
        reason=reason,
        scorer=brief.scorer,
        synthetic_weight=1.0,
        expected_gain=round(expected_gain, 3),
    )


def _explain(chosen: Sequence[Gap]) -> str:
    values = sorted({f"{gap.cell.facet}={gap.cell.value}" for gap in chosen if gap.cell.facet})
    recall = sum(gap.recall_at_1 for gap in chosen) / len(chosen)
    support = sum(gap.support for gap in chosen) / len(chosen)
    where = f" at {', '.join(values[:3])}" if values else ""
    if len(chosen) == 1:
        return f"1 cell{where} has R@1 {recall:.2f} with {count_noun(chosen[0].support, 'training image')}"
    return f"{len(chosen)} cells{where} have R@1 {recall:.2f} on average with {support:.1f} training images each"
