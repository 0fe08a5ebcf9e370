"""The protocol drafter with a chat model (the paper's APS, with the feedback that its released code lacks)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from atlantis_core.base.errors import BudgetExceeded, InvalidProtocol, NoUsableReply
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.ports import SCORERS
from atlantis_core.records import Cell, CellRequest, Protocol
from atlantis_core.run.constraints import check_constraints
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.agents.prompt_facts import describe_cells, describe_gap, describe_scorers, summarise_round
from atlantis_dml.agents.rules.drafter import RuleDrafter
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.tools.context import Brief

_GAPS_TOLD = 24
_CLASSES_TOLD = 60
_CLAIMS_TOLD = 6
_VALUES_TOLD = 12


class _Group(BaseModel):
    """Cells that get the same number of images each."""

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
    """Asks a chat model for a protocol; where it gives none that can be used, the rules draft one and say so.

    Args:
        calls: The run's chat models.
        session: The run, whose finished rounds are told.
    """

    def __init__(self, calls: ModelCalls, session: Session) -> None:
        self._calls, self._session, self._rules = calls, session, RuleDrafter()

    def draft(self, brief: Brief) -> Protocol:
        """Return a protocol within `brief.num_images`; see `tools.context.ProtocolDrafter`."""
        if brief.spread == "uniform":
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
    """Turn a draft into a protocol.

    Raises:
        InvalidProtocol: Says what cannot be done, for the model to mend.
    """
    requests = [request for group in draft.groups for request in _requests(group, brief)]
    cells = [request.cell for request in requests]
    if repeated := next((cell for cell in cells if cells.count(cell) > 1), None):
        raise InvalidProtocol(f"the cell {repeated} is asked for twice")
    total = sum(request.count for request in requests)
    if total > brief.num_images:
        raise InvalidProtocol(
            f"{len(cells)} cells add up to {total} images, and this round may make {brief.num_images}; lower "
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
    check_constraints(brief.wishes, protocol)
    return protocol


def _check_choices(draft: _Draft, brief: Brief, cells: Sequence[Cell]) -> None:
    if draft.arm not in brief.modes:
        raise InvalidProtocol(f"arm {draft.arm!r} is not one of {', '.join(brief.modes)}")
    if draft.scorer not in SCORERS:
        raise InvalidProtocol(f"scorer {draft.scorer!r} is not one of {', '.join(sorted(SCORERS))}")
    for entry in brief.history:
        if not entry["decision"]["kept"] and _is_repeated(draft, cells, entry["protocol"]):
            raise InvalidProtocol(
                f"round {entry['round']} made images for exactly these cells in the same way and was rolled back; "
                "choose other cells, arm, scorer or weight"
            )


def _is_repeated(draft: _Draft, cells: Sequence[Cell], failed: Mapping[str, Any]) -> bool:
    """Whether a draft is a former protocol once more, but for its words and counts."""
    same = all(getattr(draft, name) == failed[name] for name in ("arm", "scorer", "synthetic_weight"))
    return same and {Cell(**one["cell"]) for one in failed["cells"]} == set(cells)


def _requests(group: _Group, brief: Brief) -> list[CellRequest]:
    return [CellRequest(cell, group.count_each) for cell in _cells(group, brief)]


def _cells(group: _Group, brief: Brief) -> Iterable[Cell]:
    """Return a group's cells; a gap of a facet value alone is mended with every class."""
    for name in group.gaps:
        cell = _gap_cell(name, brief)
        yield from [cell] if cell.class_name else [Cell(one, cell.facet, cell.value) for one in brief.classes]
    classes = brief.classes if group.classes == "all" else group.classes
    for class_name in classes:
        if class_name not in brief.classes:
            raise InvalidProtocol(f"{class_name!r} is no class of the training split, spelled as it is there")
        if (group.facet or group.value) and group.value not in brief.facet_values.get(group.facet, ()):
            raise InvalidProtocol(f"{group.facet!r} has no value {group.value!r} in this collection")
        yield Cell(class_name, group.facet, group.value)


def _gap_cell(name: str, brief: Brief) -> Cell:
    told = brief.gaps[:_GAPS_TOLD]
    number = int(name[1:]) if name[:1] == "g" and name[1:].isdecimal() else 0
    if not 1 <= number <= len(told):
        raise InvalidProtocol(f"there is no gap {name!r}; the list goes from g1 to g{len(told)}")
    return told[number - 1].cell


def _facts(brief: Brief, session: Session) -> dict[str, Any]:
    values = {facet: list(found[:_VALUES_TOLD]) for facet, found in brief.facet_values.items()}
    told = [quoted(name, 60) for name in brief.classes[:_CLASSES_TOLD]]
    insight = brief.insight
    claims = insight.claims[:_CLAIMS_TOLD] if insight else ()
    return {
        "round": brief.round,
        "num_images": brief.num_images,
        "arms": ", ".join(brief.modes),
        "scorers": describe_scorers(),
        "scorer": brief.scorer,
        "goal": quoted(brief.goal),
        "skipped": describe_cells(brief.wishes.skip),
        "notes": [quoted(note) for note in brief.wishes.notes],
        "feedback": quoted(brief.feedback) if brief.feedback else "",
        "domain": quoted(insight.domain, 200) if insight else "",
        "claims": [quoted(claim.text, 200) + (" (a guess)" if claim.is_guess else "") for claim in claims],
        "gaps": [describe_gap(gap) for gap in brief.gaps[:_GAPS_TOLD]],
        "facet_values": "; ".join(
            f"{quoted(name, 60)}: {', '.join(quoted(v, 60) for v in found)}" for name, found in values.items()
        )
        or "none",
        "num_classes": len(brief.classes),
        "classes": ", ".join(told) + (", ..." if len(brief.classes) > _CLASSES_TOLD else ""),
        "history": [summarise_round(entry, session) for entry in brief.history[-6:]],
    }
