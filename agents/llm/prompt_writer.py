"""The prompt writer with a chat model: several cells per call; missing or unusable prompts are requested again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import RootModel

from atlantis_core.base.errors import BudgetExceeded, NoUsableReply
from atlantis_core.prompting.parsing import extract_prompts
from atlantis_core.prompting.prompt_selection import select_prompts
from atlantis_core.prompting.subjects import SubjectChecker, readable_name
from atlantis_core.records import Cell, CellRequest
from atlantis_core.run.responses import LONGEST_WORDS
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.records import Protocol
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.tools.context import PromptFacts

PER_CELL = 4
"""Prompts per cell; its images share them."""

MOST_OWN = 24
"""Most cells that get prompts of their own; if there are more, the cells of one condition share prompts."""

SHARED = 8
"""Prompts per condition if cells share them."""

PLACEHOLDER = "CLASS"
"""Stands for the class name in shared prompts."""

CELLS_PER_CALL = 12
_PLACEHOLDER = re.compile(rf"\b{PLACEHOLDER}\b", re.IGNORECASE)

ROUNDS = 2
"""How often missing prompts are requested."""


class _Answer(RootModel[dict[str, Any]]):
    """Cell number -> prompts, in any shape."""


@dataclass(slots=True)
class _CellPrompts:
    number: int
    request: CellRequest
    most: int = PER_CELL
    chosen: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return min(self.most, self.request.count) - len(self.chosen)


class ChatPromptWriter:
    """Asks a chat model for prompts; cells without any usable one get prompts from templates."""

    def __init__(self, calls: ModelCalls) -> None:
        self._calls, self._templates = calls, TemplatePromptWriter()

    def write(self, protocol: Protocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return diverse prompts for each cell, in order; see `tools.context.PromptWriter`."""
        requests = protocol.cells
        if len(requests) > MOST_OWN:
            shared = _list_conditions(requests)
            self._fill(shared, protocol, facts, (PLACEHOLDER,))
            written = _share_prompts(shared, requests)
        else:
            own = [_CellPrompts(number, request) for number, request in enumerate(requests, start=1)]
            self._fill(own, protocol, facts, facts.classes)
            written = [one.chosen for one in own]
        templates = self._templates.write(protocol, facts)
        return tuple(tuple(prompts) or others for prompts, others in zip(written, templates, strict=True))

    def _fill(
        self, cells: list[_CellPrompts], protocol: Protocol, facts: PromptFacts, classes: Sequence[str]
    ) -> None:
        """Add the model's prompts to cells, as far as it gives usable ones."""
        subjects = SubjectChecker(classes)
        with suppress(NoUsableReply, BudgetExceeded):
            for _ in range(ROUNDS):
                missing = [one for one in cells if one.missing > 0]
                for start in range(0, len(missing), CELLS_PER_CALL):
                    self._ask(missing[start : start + CELLS_PER_CALL], protocol, subjects, facts)

    def _ask(
        self, cells: Sequence[_CellPrompts], protocol: Protocol, subjects: SubjectChecker, facts: PromptFacts
    ) -> None:
        prompt = render(
            "prompt_writer_facts",
            objective=quoted(protocol.objective, 600),
            domain=quoted(facts.domain) if facts.domain else "",
            responses=[quoted(words, LONGEST_WORDS) for words in facts.responses],
            arm=protocol.arm,
            generator=facts.generator,
            cells=[_describe_cell(one) for one in cells],
        )
        system = render("prompt_writer")
        written = ask_for_object(
            self._calls, "prompts", system, prompt, _Answer, lambda answer: _group_by_cell(answer, cells)
        )
        for one in cells:
            cell = one.request.cell
            others = [value for value in facts.facet_values.get(cell.facet, ()) if value != cell.value]
            found = select_prompts(
                written.get(one.number, []),
                cell.class_name,
                subjects,
                cell_value=cell.value,
                other_values=others,
                wanted=one.missing,
                taken=one.chosen,
            )
            one.chosen += found.prompts


def _list_conditions(requests: Sequence[CellRequest]) -> list[_CellPrompts]:
    """Return one cell for each condition, with the placeholder as its class."""
    conditions = dict.fromkeys((request.cell.facet, request.cell.value) for request in requests)
    cells = [Cell(PLACEHOLDER, facet, value) for facet, value in conditions]
    return [_CellPrompts(number, CellRequest(cell, SHARED), SHARED) for number, cell in enumerate(cells, start=1)]


def _share_prompts(shared: Sequence[_CellPrompts], requests: Sequence[CellRequest]) -> list[list[str]]:
    """Give each cell prompts of its condition, in rotation, with its class name in them."""
    of_condition = {(one.request.cell.facet, one.request.cell.value): one.chosen for one in shared}
    written = []
    for place, request in enumerate(requests):
        prompts = of_condition[request.cell.facet, request.cell.value]
        count = min(PER_CELL, request.count, len(prompts))
        turn = [prompts[(place * count + step) % len(prompts)] for step in range(count)]
        name = readable_name(request.cell.class_name)
        written.append([_PLACEHOLDER.sub(lambda _, name=name: name, prompt) for prompt in turn])  # type: ignore[misc]
    return written


def _group_by_cell(answer: _Answer, cells: Sequence[_CellPrompts]) -> Mapping[int, list[str]]:
    numbers = {str(one.number): one.number for one in cells}
    written = {
        numbers[key.strip()]: extract_prompts(value) for key, value in answer.root.items() if key.strip() in numbers
    }
    if not any(written.values()):
        raise ValueError(f"it has no prompts under the cells' numbers ({', '.join(numbers)})")
    return written


def _describe_cell(one: _CellPrompts) -> dict[str, Any]:
    cell = one.request.cell
    return {
        "number": one.number,
        "count": one.missing,
        "name": quoted(cell.class_name, 120),
        "condition": quoted(f"{cell.facet}: {cell.value}", 120) if cell.facet else "",
        "known": "; ".join(quoted(prompt, 160) for prompt in one.chosen),
    }
