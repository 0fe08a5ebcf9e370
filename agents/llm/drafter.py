"""The protocol drafter with a chat model: the paper's APS, plus the feedback that its released code lacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from atlantis_core.base.errors import BudgetExceeded, InvalidProtocol, NoUsableReply
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.ports import SCORERS
from atlantis_core.records import Cell, CellRequest, Gap, Protocol
from atlantis_core.run.allocation import load_allocation
from atlantis_core.run.allocation.allocation import expand_cell
from atlantis_core.run.constraints import check_constraints
from atlantis_core.run.responses import is_rejected_draft
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.agents.prompt_facts import (
    describe_cells,
    describe_gap,
    describe_responses,
    describe_scorers,
    summarise_rounds,
)
from atlantis_dml.agents.rules.drafter import RuleDrafter
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.run.drafting import Brief
    from atlantis_core.run.session import Session
    from atlantis_dml.agents.client.calls import ModelCalls

_MOST_GAPS = 24
_MOST_CLASSES = 60
_MOST_CLAIMS = 6
_MOST_VALUES = 12
"""How much of each a prompt lists."""


class _Group(BaseModel):
    """Cells with the same number of images each."""

    gaps: list[str] = Field(default_factory=list)
    classes: list[str] | Literal["all"] = Field(default_factory=list)
    facet: str = ""
    value: str = ""
    count_each: int = Field(ge=1, le=10_000)


class _Draft(BaseModel):
    objective: str = Field(min_length=3, max_length=600)
    reason: str = Field(min_length=3, max_length=600)
    arm: str
    groups: list[_Group] = Field(min_length=1, max_length=40)
    scorer: str
    synthetic_weight: float = Field(gt=0, le=10)
    expected_gain: float = Field(ge=-1, le=1)


class ChatDrafter:
    """Asks a chat model for a protocol; if it gives no usable one, the rules draft it and the reason says so."""

    def __init__(self, calls: ModelCalls, session: Session) -> None:
        self._calls, self._session, self._rules = calls, session, RuleDrafter()

    def draft(self, brief: Brief) -> Protocol:
        """Return a protocol within `brief.num_images`; see `tools.context.ProtocolDrafter`."""
        if not load_allocation(brief.spread).asks_drafter:
            return self._rules.draft(brief)
        facts = render("protocol_facts", **_facts(brief, self._session))
        try:
            return ask_for_object(
                self._calls, "protocol", render("protocol"), facts, _Draft, lambda draft: _protocol(draft, brief)
            )
        except (NoUsableReply, BudgetExceeded) as error:
            drafted = self._rules.draft(brief)
            return replace(drafted, reason=f"{drafted.reason} (drafted by the rules: {error})")


def _protocol(draft: _Draft, brief: Brief) -> Protocol:
    """Turn a draft into a protocol; an `InvalidProtocol` tells the model what to change."""
    requests = [CellRequest(cell, group.count_each) for group in draft.groups for cell in _list_cells(group, brief)]
    cells = [request.cell for request in requests]
    if repeated := next((cell for cell in cells if cells.count(cell) > 1), None):
        raise InvalidProtocol(f"the cell {repeated} is listed twice; list each cell once")
    total = sum(request.count for request in requests)
    if total > brief.num_images:
        raise InvalidProtocol(
            f"{len(cells)} cells add up to {total} images, more than the {brief.num_images} of this round; lower "
            "count_each"
        )
    _check_choices(draft, brief, cells)
    protocol = Protocol(
        id=content_hash("protocol", [brief.round, requests, draft.arm, draft.objective])[:12],
        round=brief.round,
        arm=draft.arm,  # type: ignore[arg-type]  # one of brief.modes: checked above
        cells=tuple(requests),
        objective=draft.objective,
        reason=draft.reason,
        scorer=draft.scorer,
        synthetic_weight=draft.synthetic_weight,
        expected_gain=draft.expected_gain,
    )
    check_constraints(brief.constraints, protocol)
    if is_rejected_draft(brief.responses, protocol):
        raise InvalidProtocol("a person rejected a draft with exactly these cells and counts; draft another one")
    return protocol


def _check_choices(draft: _Draft, brief: Brief, cells: Sequence[Cell]) -> None:
    if draft.arm not in brief.modes:
        raise InvalidProtocol(f"arm {draft.arm!r} is not one of {', '.join(brief.modes)}")
    if draft.scorer not in SCORERS:
        raise InvalidProtocol(f"scorer {draft.scorer!r} is not one of {', '.join(sorted(SCORERS))}")
    for judged in brief.history:
        failed = judged.protocol
        same = all(getattr(draft, name) == getattr(failed, name) for name in ("arm", "scorer", "synthetic_weight"))
        if not judged.is_kept and same and {request.cell for request in failed.cells} == set(cells):
            raise InvalidProtocol(
                f"round {judged.index} had exactly these cells, generation mode, scorer and weight and was rolled "
                "back; change at least one of them"
            )


def _list_cells(group: _Group, brief: Brief) -> Iterable[Cell]:
    for label in group.gaps:
        yield from expand_cell(_find_gap(label, brief).cell, brief.classes)
    classes = brief.classes if group.classes == "all" else group.classes
    for class_name in classes:
        if class_name not in brief.classes:
            raise InvalidProtocol(f"{class_name!r} is not a class of the training split; spell classes as listed")
        if (group.facet or group.value) and group.value not in brief.facet_values.get(group.facet, ()):
            raise InvalidProtocol(f"{group.facet!r} has no value {group.value!r} in this collection")
        yield Cell(class_name, group.facet, group.value)


def _find_gap(label: str, brief: Brief) -> Gap:
    listed = brief.gaps[:_MOST_GAPS]
    number = int(label[1:]) if label[:1] == "g" and label[1:].isdecimal() else 0
    if not 1 <= number <= len(listed):
        raise InvalidProtocol(f"there is no gap {label!r}; the list goes from g1 to g{len(listed)}")
    return listed[number - 1]


def _facts(brief: Brief, session: Session) -> dict[str, Any]:
    values = {facet: list(found[:_MOST_VALUES]) for facet, found in brief.facet_values.items()}
    classes = [quoted(name, 60) for name in brief.classes[:_MOST_CLASSES]]
    insight = brief.insight
    claims = insight.claims[:_MOST_CLAIMS] if insight else ()
    return {
        "round": brief.round,
        "num_images": brief.num_images,
        "arms": ", ".join(brief.modes),
        "generator": brief.generator,
        "scorers": describe_scorers(),
        "scorer": brief.scorer,
        "goal": quoted(brief.goal),
        "skipped": describe_cells(brief.constraints.skip),
        "refuted": describe_cells(sorted(brief.refuted, key=str)),
        "notes": [quoted(note) for note in (*brief.constraints.notes, *brief.earlier)],
        "responses": describe_responses(brief.responses),
        "feedback": quoted(brief.feedback) if brief.feedback else "",
        "domain": quoted(insight.domain, 200) if insight else "",
        "claims": [quoted(claim.text, 200) + (" (a guess)" if claim.is_guess else "") for claim in claims],
        "gaps": [describe_gap(gap) for gap in brief.gaps[:_MOST_GAPS]],
        "facet_values": "; ".join(
            f"{quoted(name, 60)}: {', '.join(quoted(v, 60) for v in found)}" for name, found in values.items()
        )
        or "none",
        "num_classes": len(brief.classes),
        "classes": ", ".join(classes) + (", ..." if len(brief.classes) > _MOST_CLASSES else ""),
        "history": summarise_rounds(brief.history, session),
    }
