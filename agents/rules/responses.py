"""What the rules make of a person's responses to earlier drafts of a round: other cells, fewer images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.run.allocation import load_allocation
from atlantis_core.run.allocation.allocation import Shares, list_all_cells, spread_evenly
from atlantis_core.run.responses import Wish, list_rejected_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Cell, Protocol
    from atlantis_core.run.drafting import Brief

NOT_UNDERSTOOD = (
    "not understood: the rules read English such as 'only NAMES', 'without NAMES' and '20 images', so this draft is "
    "as before"
)


def share_out_as_asked(brief: Brief) -> Shares:
    """Share a round's images out as the responses to its earlier drafts ask.

    Cells of rejected drafts and cells that the words leave out get none; if the words name cells, only those get
    images.

    Raises:
        ToolError: No cell is left.
    """
    allocation, wish = load_allocation(brief.spread), brief.wish
    images = min(brief.num_images, wish.images or brief.num_images)
    if not allocation.asks_drafter:  # a control arm shares out in one way
        return allocation.share_out(replace(brief, num_images=images))
    constraints = replace(brief.constraints, skip=(*brief.constraints.skip, *wish.skip))
    rejected = list_rejected_cells(brief.responses)
    closed = rejected | {replace(cell, class_name="") for cell in rejected}
    gaps = tuple(
        gap
        for gap in brief.gaps
        if constraints.allows(gap.cell) and gap.cell not in closed and _is_asked(gap.cell, wish)
    )
    narrowed = replace(
        brief,
        gaps=gaps,
        constraints=constraints,
        num_images=images,
        named=wish.only or brief.named,
        refuted=brief.refuted | rejected,
    )
    if gaps:
        shares = allocation.share_out(narrowed)
        open_cells = [one.cell for one in shares.cells if constraints.allows(one.cell) and one.cell not in rejected]
        if len(open_cells) == len(shares.cells):
            return shares
    else:
        shares = Shares((), 0.0, "no gap is left that fits what was said; the images go to the cells that do")
        every = [cell for cell in list_all_cells(brief) if _is_asked(cell, wish)]
        open_cells = [cell for cell in every if constraints.allows(cell) and cell not in rejected]
    if not open_cells:
        raise ToolError("no cell is left that was not rejected or left out; say other cells, or end the run")
    return replace(shares, cells=tuple(spread_evenly(open_cells, images, 0)))


def describe_followed(brief: Brief, protocol: Protocol) -> str:
    """Return what was done about a person's words, in words; empty where there are none."""
    wish = brief.wish
    if brief.responses and brief.responses[-1].decision == "respond" and not brief.is_understood:
        return NOT_UNDERSTOOD
    done = [
        f"only {_name(wish.only)}" if wish.only else "",
        f"without {_name(wish.skip)}" if wish.skip else "",
        _describe_images(protocol.num_images, wish.images) if wish.images else "",
        "other cells than those rejected" if list_rejected_cells(brief.responses) else "",
    ]
    followed = ", ".join(filter(None, done))
    if not brief.responses:
        return f"as asked in an earlier round: {followed}" if followed else ""
    return f"as asked: {followed or 'as before'}"


def _describe_images(drafted: int, asked: int) -> str:
    return f"{drafted} images" + (f" ({asked} is more than this round has)" if drafted < asked else "")


def _is_asked(cell: Cell, wish: Wish) -> bool:
    return not wish.only or any(asked.contains(cell) or cell.contains(asked) for asked in wish.only)


def _name(cells: Sequence[Cell]) -> str:
    names = [" ".join(filter(None, (cell.class_name, cell.value))) for cell in cells]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
