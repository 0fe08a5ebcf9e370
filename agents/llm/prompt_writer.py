"""The prompt writer with a chat model: several cells a call; what is missing or off is asked for once more."""

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
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.records import Protocol
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.tools.context import PromptFacts

PER_CELL = 4
"""Prompts of a cell; its images share them."""

MOST_OWN = 24
"""Cells that get prompts of their own; of more, those of one condition share theirs, with a word for the class."""

SHARED = 8
STAND_IN = "CLASS"
"""Written where a shared prompt names the class."""

CELLS_A_CALL = 12
_STAND_IN = re.compile(rf"\b{STAND_IN}\b", re.IGNORECASE)

ROUNDS = 2
"""How often prompts that are missing are asked for."""


class _Written(RootModel[dict[str, Any]]):
    """Cell number -> prompts, in whatever shape."""


@dataclass(slots=True)
class _Wanted:
    """A cell and the prompts that it has so far."""

    number: int
    request: CellRequest
    most: int = PER_CELL
    chosen: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return min(self.most, self.request.count) - len(self.chosen)


class ChatPromptWriter:
    """Asks a chat model; cells that it leaves empty get the templates' prompts.

    Args:
        calls: The run's chat models.
    """

    def __init__(self, calls: ModelCalls) -> None:
        self._calls, self._templates = calls, TemplatePromptWriter()

    def write(self, protocol: Protocol, facts: PromptFacts) -> tuple[tuple[str, ...], ...]:
        """Return diverse prompts for each cell, in order; see `tools.context.PromptWriter`."""
        requests = protocol.cells
        if len(requests) > MOST_OWN:
            written = _handed_out(self._written(_stand_ins(requests), protocol, facts, (STAND_IN,)), requests)
        else:
            own = [_Wanted(number, request) for number, request in enumerate(requests, start=1)]
            written = [one.chosen for one in self._written(own, protocol, facts, facts.classes)]
        templates = self._templates.write(protocol, facts)
        return tuple(tuple(prompts) or others for prompts, others in zip(written, templates, strict=True))

    def _written(
        self, wanted: list[_Wanted], protocol: Protocol, facts: PromptFacts, classes: Sequence[str]
    ) -> list[_Wanted]:
        """Fill in prompts as far as the model gives any; the templates do the rest."""
        subjects = SubjectChecker(classes)
        with suppress(NoUsableReply, BudgetExceeded):
            for _ in range(ROUNDS):
                missing = [one for one in wanted if one.missing > 0]
                for start in range(0, len(missing), CELLS_A_CALL):
                    self._ask(missing[start : start + CELLS_A_CALL], protocol, subjects, facts)
        return wanted

    def _ask(self, some: Sequence[_Wanted], protocol: Protocol, subjects: SubjectChecker, facts: PromptFacts) -> None:
        shown = render(
            "prompt_writer_facts",
            objective=quoted(protocol.objective, 600),
            domain=quoted(facts.domain) if facts.domain else "",
            arm=protocol.arm,
            cells=[_told(one) for one in some],
        )
        system = render("prompt_writer")
        written = ask_for_object(
            self._calls, "prompts", system, shown, _Written, lambda answer: _by_cell(answer, some)
        )
        for one in some:
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


def _stand_ins(requests: Sequence[CellRequest]) -> list[_Wanted]:
    """Return one request for each condition, for a class that stands for all."""
    conditions = dict.fromkeys((request.cell.facet, request.cell.value) for request in requests)
    cells = [Cell(STAND_IN, facet, value) for facet, value in conditions]
    return [_Wanted(number, CellRequest(cell, SHARED), SHARED) for number, cell in enumerate(cells, start=1)]


def _handed_out(shared: Sequence[_Wanted], requests: Sequence[CellRequest]) -> list[list[str]]:
    """Give each cell its share of its condition's prompts, in turn, with its class in them."""
    of_condition = {(one.request.cell.facet, one.request.cell.value): one.chosen for one in shared}
    handed = []
    for place, request in enumerate(requests):
        prompts = of_condition[request.cell.facet, request.cell.value]
        count = min(PER_CELL, request.count, len(prompts))
        turn = [prompts[(place * count + step) % len(prompts)] for step in range(count)]
        name = readable_name(request.cell.class_name)
        handed.append([_STAND_IN.sub(lambda _, name=name: name, prompt) for prompt in turn])  # type: ignore[misc]
    return handed


def _by_cell(answer: _Written, some: Sequence[_Wanted]) -> Mapping[int, list[str]]:
    numbers = {str(one.number): one.number for one in some}
    written = {
        numbers[key.strip()]: extract_prompts(value) for key, value in answer.root.items() if key.strip() in numbers
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
