"""Deficit: every open gap gets images in proportion to its deficit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.records import CellRequest
from atlantis_core.run.allocation.allocation import (
    Allocation,
    Shares,
    expand_cell,
    list_open_gaps,
    mean_deficit,
    spread_by_weight,
)

if TYPE_CHECKING:
    from atlantis_core.run.drafting import Brief


class Deficit(Allocation):
    """Spends most where Recall@1 is furthest below what it should be."""

    def share_out(self, brief: Brief) -> Shares:
        """Return shares by the deficit of each gap, the value of one without a class split over all classes."""
        gaps = list_open_gaps(brief)
        if not gaps:
            raise ToolError("no gap is left that was not tried before")
        cells = [(cell, gap.deficit) for gap in gaps for cell in expand_cell(gap.cell, brief.classes)]
        counts = spread_by_weight([max(deficit, 0.0) for _, deficit in cells], brief.num_images)
        requests = [CellRequest(cell, count) for (cell, _), count in zip(cells, counts, strict=True) if count]
        reason = f"{count_noun(len(requests), 'cell')} get images in proportion to their deficit"
        return Shares(tuple(requests), mean_deficit(gaps) / 2, reason)
