"""Prompts by rules: the class, its condition and a viewpoint.

They name nothing else, because a generator adds whatever a prompt names. A generator that is fitted to a collection's
photos (`generation/lora`) is trained on the same prompts, so that it reads at generation what it has read before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.records import Cell

_CONDITIONS = {
    "day": "in daylight",
    "night": "at night",
    "fog": "in thick fog",
    "sunset": "at sunset",
    "storm": "in a storm",
    "snow": "in falling snow",
}
_VIEWS = ("seen straight on", "seen from the side", "from a little further away", "close up")


def fill_templates(cell: Cell) -> tuple[str, ...]:
    """Return the prompts for a cell, one for each viewpoint."""
    condition = _CONDITIONS.get(cell.value, f"{cell.facet}: {cell.value}" if cell.facet else "varied")
    return tuple(f"a photo of {cell.class_name}, {condition}, {view}" for view in _VIEWS)
