"""The cells that a bundled world says are planted."""

from __future__ import annotations

from atlantis_core.harbor.vocabulary import VesselClass
from atlantis_core.harbor.worlds import CellGroup, World, WorldCell


def cells_of(world: World, group: CellGroup) -> tuple[WorldCell, ...]:
    return tuple(c for c in world.cells if group.contains(VesselClass.from_label(c.label), c.condition))
