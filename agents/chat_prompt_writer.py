"""The prompt writer with a chat model: several cells a call; what is missing or off is asked for once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import RootModel

from atlantis_core.errors import BudgetSpent, NoUsableAnswer
from atlantis_core.prompting.choosing import choose_prompts
from atlantis_core.prompting.parsing import prompts_in
from atlantis_core.prompting.subjects import Subjects
from atlantis_dml.agents.rule_prompt_writer import TemplatePromptWriter
from atlantis_dml.agents.typed_answers import ask_for
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.records import CellRequest, Protocol
    from atlantis_dml.agents.calls import ModelCalls
    from atlantis_dml.tools.context import PromptFacts

PER_CELL = 4
"""Prompts of a cell; its images share them."""

CELLS_A_CALL = 12
ROUNDS = 2
"""How often prompts that are missing are asked for."""


class _Written(RootModel[dict[str, Any]]):
    """Cell number -> prompts, in whatever shape."""


@dataclass(slots=True)
class _Wanted:
    """A cell and the prompts that it has so far."""

    number: int
    request: CellRequest
    chosen: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return min(PER_CELL, self.request.count) - len(self.chosen)


class ChatPromptWriter:
    """Asks a chat model; cells that it leaves empty get the templates' prompts.

    Args:
        calls: The run's chat models.
    """

    def __init__(self, calls: ModelCalls) -> None:
        self._calls, self._templates = calls, TemplatePromptWriter()

    def write(self, protocol: Protocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return diverse prompts for each cell, in order; see `tools.context.PromptWriter`."""
        wanted = [_Wanted(number, request) for number, request in enumerate(protocol.cells, start=1)]
        subjects = Subjects(facts.classes)
        try:
            for _ in range(ROUNDS):
                missing = [one for one in wanted if one.missing > 0]
                for start in range(0, len(missing), CELLS_A_CALL):
                    self._ask(missing[start : start + CELLS_A_CALL], protocol, subjects, facts)
        except (NoUsableAnswer, BudgetSpent):
            pass  # what was written stays; the templates do the rest, and the tool says for how many cells
        templates = self._templates.write(protocol, facts)
        return tuple(tuple(one.chosen) or own for one, own in zip(wanted, templates, strict=True))

    def _ask(self, some: Sequence[_Wanted], protocol: Protocol, subjects: Subjects, facts: PromptFacts) -> None:
        shown = render(
            "prompt_writer_facts",
            objective=quoted(protocol.objective, 600),
            domain=quoted(facts.domain) if facts.domain else "",
            arm=protocol.arm,
            cells=[_told(one) for one in some],
        )
        system = render("prompt_writer")
        written = ask_for(self._calls, "prompts", system, shown, _Written, lambda answer: _by_cell(answer, some))
        for one in some:
            cell = one.request.cell
            others = [value for value in facts.facet_values.get(cell.facet, ()) if value != cell.value]
            found = choose_prompts(
                written.get(one.number, []),
                cell.class_name,
                subjects,
                cell_value=cell.value,
                other_values=others,
                wanted=one.missing,
                taken=one.chosen,
            )
            one.chosen += found.prompts


def _by_cell(answer: _Written, some: Sequence[_Wanted]) -> Mapping[int, list[str]]:
    numbers = {str(one.number): one.number for one in some}
    written = {
        numbers[key.strip()]: prompts_in(value) for key, value in answer.root.items() if key.strip() in numbers
    }
    if not any(written.values()):
        raise ValueError(f"it holds no prompts under the cells' numbers ({', '.join(numbers)})")
    return written


def _told(one: _Wanted) -> dict[str, Any]:
    cell = one.request.cell
    return {
        "number": one.number,
        "count": one.missing,
        "name": quoted(cell.class_name, 120),
        "condition": quoted(f"{cell.facet}: {cell.value}", 120) if cell.facet else "",
        "known": "; ".join(quoted(prompt, 160) for prompt in one.chosen),
    }
