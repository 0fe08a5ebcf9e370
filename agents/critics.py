"""The critic reads a finished round and advises what to change: by rules, or with a chat model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from atlantis_core.base.errors import BudgetExceeded, NoUsableReply, ProviderUnavailable
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import cut_sentence
from atlantis_core.records import Critique
from atlantis_core.run.critique import count_survivors, describe_round
from atlantis_core.run.moved_cells import name_cell, read_moves
from atlantis_core.run.pilot_choice import describe_pilot
from atlantis_core.run.remedies import makes_images
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.run.sheets.findings import describe_look
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.agents.prompt_facts import describe_scorers, summarise_rounds
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.records import RoundMoves
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session
    from atlantis_dml.agents.client.calls import ModelCalls

_FEW_KEPT = 0.5
_FEW_QUERIES = 20
_LONGEST = 300
_MOST_PROMPTS = 4
_MOST_FALLEN = 2
_MOST_PILOTS = 6


class RuleCritic:
    """Derives its advice from the figures of the round."""

    def review(self, judged: JudgedRound, session: Session) -> Critique:
        """Return what to change; see `tools.context.Critic`."""
        generated, kept, why = count_survivors(session, judged)
        targeted = judged.decision.targeted
        queries, changes = targeted.queries if targeted else 0, []
        if generated and kept < _FEW_KEPT * generated:
            changes.append(
                f"{generated - kept} of {generated} images were rejected ({why}): generate them differently, or for "
                "other cells"
            )
        if queries < _FEW_QUERIES:
            changes.append(
                f"the targeted cells have only {count_noun(queries, 'query', 'queries')}: target cells with more "
                "queries together"
            )
        if not judged.decision.kept:
            changes.append("do not repeat these cells: target the next gaps")
            changes += _warn_of_losses(read_moves(session, judged))
        return Critique(judged.decision.reason, tuple(changes), "rules")


def _warn_of_losses(moves: RoundMoves | None) -> list[str]:
    """Return what a rolled-back round made worse, if anything clearly fell."""
    fell = [one for one in moves.cells if one.gain < 0][:_MOST_FALLEN] if moves else []
    if not fell:
        return []
    cells = ", ".join(f"{name_cell(one.cell)} ({one.before:.2f} -> {one.after:.2f})" for one in fell)
    return [f"look at the lost queries before making more images: {cells} fell most"]


class _Answer(BaseModel):
    finding: Annotated[str, StringConstraints(min_length=3, max_length=1000)]
    changes: list[str] = Field(default_factory=list, max_length=10)


class ChatCritic:
    """Asks a chat model; if it gives no usable answer, returns the critique by rules."""

    def __init__(self, calls: ModelCalls) -> None:
        self._calls, self._rules = calls, RuleCritic()

    def review(self, judged: JudgedRound, session: Session) -> Critique:
        """Return what to change; see `tools.context.Critic`."""
        facts = render("critic_facts", **_facts(judged, session))
        try:
            return ask_for_object(self._calls, "critic", render("critic"), facts, _Answer, self._critique)
        except (NoUsableReply, BudgetExceeded, ProviderUnavailable):  # advice is not worth pausing a judged run
            return self._rules.review(judged, session)

    def _critique(self, answer: _Answer) -> Critique:
        changes = tuple(cut_sentence(change, _LONGEST) for change in answer.changes[:3] if change.strip())
        return Critique(cut_sentence(answer.finding, _LONGEST), changes, self._calls.name)


def _facts(judged: JudgedRound, session: Session) -> dict[str, Any]:
    protocol = judged.protocol
    left = session.images_left
    earlier = [one for one in read_judged_rounds(session) if one.index < judged.index]
    prompts = [prompt for request in protocol.cells for prompt in request.prompts[:1]]
    pilots = [describe_pilot(replace(pilot, groups=())) for pilot in judged.pilots if pilot.deciding]
    return {
        "goal": quoted(session.goal.english or session.goal.text),
        "pilots": pilots[:_MOST_PILOTS],
        "has_images": makes_images(protocol.remedy),
        "facts": [*describe_round(judged, session), *(describe_look(look) for look in judged.looks if look.finding)],
        "earlier": summarise_rounds(earlier, session),
        "objective": quoted(protocol.objective),
        "reason": quoted(protocol.reason),
        "prompts": ", ".join(quoted(prompt, 160) for prompt in prompts[:_MOST_PROMPTS]) or "none",
        "images_left": "no limit" if left is None else f"{left:g}",
        "arms": ", ".join(session.generator.modes),
        "scorers": describe_scorers(),
        "rounds_left": session.spec.budget.rounds - judged.index,
    }
