"""Balanced: fill the cells with fewest images up to one level, as the released ATLANTIS fills classes up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.plural import count_noun
from atlantis_core.records import CellRequest
from atlantis_core.run.allocation.allocation import Allocation, Shares, list_all_cells, spread_by_weight
from atlantis_core.run.remedies import makes_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.run.drafting import Brief


class Balanced(Allocation):
    """Looks at numbers of images alone, not at what fails."""

    pilots = "never"

    def share_out(self, brief: Brief) -> Shares:
        """Return what brings the poorest cells to one level; images of kept rounds count as images of their cell."""
        cells = list_all_cells(brief)
        kept = [
            judged.protocol for judged in brief.history if judged.is_kept and makes_images(judged.protocol.remedy)
        ]
        made = Counter({request.cell: request.count for protocol in kept for request in protocol.cells})
        counts = fill_up([brief.support.get(cell, 0) + made[cell] for cell in cells], brief.num_images)
        filled = [CellRequest(cell, count) for cell, count in zip(cells, counts, strict=True) if count]
        reason = f"control arm: the {count_noun(len(filled), 'cell')} with fewest images are filled up to one level"
        return Shares(tuple(filled), 0.0, reason)


def fill_up(support: Sequence[int], num_images: int) -> list[int]:
    """Return how many images each cell gets so that the lowest levels, (N,), are raised to a common one."""
    levels = np.sort(np.asarray(support, np.float64))
    # With the n lowest cells raised, the common level is (their sum + images) / n; it must not pass the next cell.
    reached = (np.cumsum(levels) + num_images) / np.arange(1, len(levels) + 1)
    nearest = np.flatnonzero(np.append(reached[:-1] <= levels[1:], True))[0]
    return spread_by_weight(np.maximum(reached[nearest] - np.asarray(support), 0.0).tolist(), num_images)
