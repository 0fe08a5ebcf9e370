"""The prompt writer by rules: templates with the class, the condition and a viewpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.prompt_templates import fill_templates

if TYPE_CHECKING:
    from atlantis_core.records import Protocol
    from atlantis_dml.tools.context import PromptFacts


class TemplatePromptWriter:
    """Writes prompts that name the class, the cell's condition and a viewpoint."""

    def write(self, protocol: Protocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return up to four different prompts for each cell, and no more than its number of images."""
        del facts  # the templates need only the cell
        return tuple(fill_templates(request.cell)[: max(1, request.count)] for request in protocol.cells)
