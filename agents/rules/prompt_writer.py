"""The prompt writer by rules: templates with the class, the condition and a viewpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.records import CellRequest, Protocol
    from atlantis_dml.tools.context import PromptFacts

_CONDITIONS = {
    "day": "in daylight",
    "night": "at night",
    "fog": "in thick fog",
    "sunset": "at sunset",
    "storm": "in a storm",
    "snow": "in falling snow",
}
_VIEWS = ("seen straight on", "seen from the side", "from a little further away", "close up")


class TemplatePromptWriter:
    """Writes prompts that name the class, the cell's condition and a viewpoint.

    They name nothing else, because a generator adds whatever a prompt names.
    """

    def write(self, protocol: Protocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return up to four different prompts for each cell, and no more than its number of images."""
        del facts  # the templates need only the cell
        return tuple(_fill_templates(request) for request in protocol.cells)


def _fill_templates(request: CellRequest) -> tuple[str, ...]:
    cell = request.cell
    condition = _CONDITIONS.get(cell.value, f"{cell.facet}: {cell.value}" if cell.facet else "varied")
    prompts = [f"a photo of {cell.class_name}, {condition}, {view}" for view in _VIEWS]
    return tuple(prompts[: max(1, request.count)])
