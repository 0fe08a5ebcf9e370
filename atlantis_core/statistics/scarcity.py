"""Which cells have too few training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.statistics.cells import CellTable

_SCARCE_BELOW = 0.5  # of the typical support


def find_scarce_cells(table: CellTable) -> NDArray[np.bool_]:
    """Tell which cells are scarce, (N,): less than half the typical training images.

    Where every cell that was asked about is scarce - all queries are of a visit that the training images
    never saw, say - scarcity of the cell says nothing about one class against another. Then a cell is scarce
    if its whole class is.
    """
    asked = np.array([tally.queries > 0 for tally in table.cells], np.bool_)
    support = np.array([tally.support for tally in table.cells], np.float64)
    scarce = support < _SCARCE_BELOW * table.typical_support
    if asked.any() and not scarce[asked].all() and table.typical_support > 0:
        return scarce
    class_support = np.array([tally.class_support for tally in table.cells], np.float64)
    return class_support < _SCARCE_BELOW * table.typical_class_support
