"""The planner by rules: takes the usual steps in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_dml.agents.planner import find_next_step

if TYPE_CHECKING:
    from atlantis_dml.tools.context import RunContext
    from atlantis_dml.tools.steps import State


class RulePlanner:
    """Chooses the first usual step of the round that is not done."""

    name = "rules"

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return the next step as a tool call; stop the run if the last tool failed."""
        messages = state.get("messages", [])
        last = messages[-1] if messages else None
        if isinstance(last, ToolMessage) and last.status == "error" and last.content:
            return AIMessage(f"Stopping: {last.content}")
        step = find_next_step(state, context.session)
        if step is None:
            return AIMessage("Stopping: every step of this round is done, yet the round was not judged.")
        call = {"name": step.tool, "args": dict(step.arguments), "id": f"rule-{len(messages)}"}
        return AIMessage(step.reason, tool_calls=[call])
