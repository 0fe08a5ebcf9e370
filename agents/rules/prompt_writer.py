"""The prompt writer without a chat model: templates over the class, the condition and how a photo can vary."""

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
    """Every prompt names the class, the cell's condition and a view.

    It asks for nothing that the condition does not have: a generator adds up what a prompt names.
    """

    def write(self, protocol: Protocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return up to four different prompts for each cell, no more than it wants images."""
        del facts  # a template names nothing but its own class and condition
        return tuple(_prompts(request) for request in protocol.cells)


def _prompts(request: CellRequest) -> tuple[str, ...]:
    cell = request.cell
    condition = _CONDITIONS.get(cell.value, f"{cell.facet}: {cell.value}" if cell.facet else "varied")
    prompts = [f"a photo of {cell.class_name}, {condition}, {view}" for view in _VIEWS]
    return tuple(prompts[: max(1, request.count)])
