"""Uniform: the same number of images for every cell, the control arm of docs/results.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.run.allocation.allocation import Allocation, Shares, list_all_cells, spread_evenly

if TYPE_CHECKING:
    from atlantis_core.run.drafting import Brief


class Uniform(Allocation):
    """Spends the same on all cells, whatever fails."""

    pilots = "never"

    def share_out(self, brief: Brief) -> Shares:
        """Return an equal share for every cell."""
        cells = list_all_cells(brief)
        reason = f"control arm: {count_noun(brief.num_images, 'image')} spread over {count_noun(len(cells), 'cell')}"
        return Shares(tuple(spread_evenly(cells, brief.num_images, brief.round)), 0.0, reason)
