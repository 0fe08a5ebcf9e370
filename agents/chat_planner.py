"""The planner with a chat model: the tools are bound, the prompt carries the goal and the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, SystemMessage

from atlantis_dml.agents.planner import State
from atlantis_dml.agents.provider import provider
from atlantis_dml.agents.redaction import Redact, redacted
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from atlantis_dml.tools.context import RunContext


class ChatPlanner:
    """Asks a chat model which tool comes next.

    Args:
        model: A chat model that can bind tools.
        tools: The tools it may call.
        name: Shown in traces (`openai:MODEL`).
        redact: Takes the provider's key out of what the provider or the model says.
    """

    def __init__(self, model: BaseChatModel, tools: list[BaseTool], name: str, redact: Redact = str) -> None:
        self.name = name
        self._redact = redact
        self._model = model.bind_tools(tools, parallel_tool_calls=False)

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return the model's decision; see `Planner.decide`."""
        prompt = SystemMessage(render("planner", **_facts(state, context)))
        with provider(self.name, self._redact):
            decision = self._model.invoke([prompt, *state.get("messages", [])])
        return redacted(decision, self._redact)


def _facts(state: State, context: RunContext) -> dict[str, Any]:
    session = context.session
    left = session.workspace.ledger.left(session.run_id, session.spec.budget)
    return {
        "goal": quoted(session.spec.goal.text),
        "round": state["round"],
        "rounds": session.spec.budget.rounds,
        "images_left": "no limit" if left["images"] is None else f"{left['images']:g}",
        "usd_left": "no limit" if left["usd"] is None else f"{left['usd']:.2f}",
        "has_facets": bool(session.collection.facets),
        "last_kept": bool(state.get("last_kept")),
    }
