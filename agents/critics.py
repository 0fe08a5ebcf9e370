"""The critic: reads a finished round and writes what to change. By rules, or with a chat model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from atlantis_core.base.errors import BudgetExceeded, NoUsableReply, ProviderUnavailable
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text
from atlantis_core.run.critique import Critique, count_survivors, describe_round
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.agents.prompt_facts import describe_scorers
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_dml.agents.client.calls import ModelCalls

_FEW_KEPT = 0.5
_FEW_QUERIES = 20
_LONGEST = 300
_PROMPTS_TOLD = 4


class RuleCritic:
    """Points at the figures that stand out."""

    def review(self, finished: Mapping[str, Any], session: Session) -> Critique:
        """Return what to change; see `tools.context.Critic`."""
        made, kept, why = count_survivors(session, finished["round"])
        targeted, changes = finished["decision"]["targeted"], []
        if made and kept < _FEW_KEPT * made:
            changes.append(
                f"{made - kept} of {made} images were rejected ({why}): make them differently, or for other cells"
            )
        if targeted["queries"] < _FEW_QUERIES:
            changes.append(
                f"the targeted cells have only {count_noun(targeted['queries'], 'query', 'queries')}: target cells "
                "that "
                "hold more together"
            )
        if not finished["decision"]["kept"]:
            changes.append("do not repeat these cells: go on with the next gaps")
        return Critique(finished["decision"]["reason"], tuple(changes), "rules")


class _Answer(BaseModel):
    finding: Annotated[str, StringConstraints(min_length=3, max_length=1000)]
    changes: list[str] = Field(default_factory=list, max_length=10)


class ChatCritic:
    """Asks a chat model; where it gives nothing usable, the rules' critique stands.

    Args:
        calls: The run's chat models.
    """

    def __init__(self, calls: ModelCalls) -> None:
        self._calls, self._rules = calls, RuleCritic()

    def review(self, finished: Mapping[str, Any], session: Session) -> Critique:
        """Return what to change; see `tools.context.Critic`."""
        facts = render("critic_facts", **_facts(finished, session))
        try:
            return ask_for_object(self._calls, "critic", render("critic"), facts, _Answer, self._critique)
        except (NoUsableReply, BudgetExceeded, ProviderUnavailable):  # a run that is judged must not wait for remarks
            return self._rules.review(finished, session)

    def _critique(self, answer: _Answer) -> Critique:
        changes = tuple(clean_text(change, _LONGEST) for change in answer.changes[:3] if change.strip())
        return Critique(clean_text(answer.finding, _LONGEST), changes, self._calls.name)


def _facts(finished: Mapping[str, Any], session: Session) -> dict[str, Any]:
    protocol = finished["protocol"]
    left = session.workspace.ledger.left(session.run_id, session.spec.budget)["images"]
    prompts = [prompt for request in protocol["cells"] for prompt in request["prompts"][:1]]
    return {
        "facts": describe_round(finished, session),
        "objective": quoted(protocol["objective"]),
        "reason": quoted(protocol["reason"]),
        "prompts": ", ".join(quoted(prompt, 160) for prompt in prompts[:_PROMPTS_TOLD]) or "none",
        "images_left": "no limit" if left is None else f"{left:g}",
        "arms": ", ".join(session.generator.modes),
        "scorers": describe_scorers(),
        "rounds_left": session.spec.budget.rounds - finished["round"],
    }
