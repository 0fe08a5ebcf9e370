"""Where to go next: pure functions of the state."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_core.base.hashing import content_hash
from atlantis_dml.graph.state import State

SPENDING_TOOL = "generate_images"
"""The tool that waits for approval."""

MAX_FAILURES = 5
"""Failed tool calls in a row after which the run is paused."""

PLATEAU_ROUNDS = 2
"""Rounds not kept in a row that count as a plateau."""


def after_planner(state: State) -> Literal["approve", "tools", "planner", "report"]:
    """A call goes to the tools, a spending one through approval; an unreadable one goes back; else the end."""
    decision = state["messages"][-1]
    if state.get("stop_reason"):
        return "report"
    if not isinstance(decision, AIMessage) or not decision.tool_calls:
        return "planner"
    spends = decision.tool_calls[0]["name"] == SPENDING_TOOL
    return "approve" if spends and state.get("protocol") and not is_approved(state) else "tools"


def is_approved(state: State) -> bool:
    """Whether the protocol, as it is now, may be spent on."""
    protocol: Any = state.get("protocol")
    if isinstance(protocol, dict):  # a checkpoint of a version that kept the protocol itself in the state
        protocol = content_hash("approval", protocol)
    return bool(protocol) and state["approved"] == protocol


def after_approve(state: State) -> Literal["tools", "report"]:
    """An approved spending is made; a refused one ends the run."""
    return "report" if state.get("stop_reason") else "tools"


def after_tools(state: State) -> Literal["judge", "planner", "report"]:
    """A measured candidate is judged, and so is a round of which no image is left; else back to the planner."""
    if state.get("stop_reason"):
        return "report"
    answer = state["messages"][-1]
    if not isinstance(answer, ToolMessage) or answer.status == "error" or not state["steps"]:
        return "planner"
    last = state["steps"][-1]
    nothing_left = last == "score_outliers" and state["survivors"] == 0
    return "judge" if nothing_left or last == "evaluate_retrieval:candidate" else "planner"


def after_critique(state: State) -> Literal["planner", "report"]:
    """The next round, or the end."""
    return "report" if state.get("stop_reason") else "planner"


def find_stop_reason(
    state: State, max_rounds: int, goal_reached: bool, images_left: float | None = None
) -> tuple[str, str]:
    """Return why a run ends after a judged round, as a code and in words; empty strings to go on.

    Args:
        state: After the judgement; `round` is the round that was judged.
        max_rounds: The budget's rounds.
        goal_reached: Whether the goal's target is met.
        images_left: Of the budget; None without a limit.
    """
    if goal_reached:
        return "goal_reached", "the goal's target is met"
    if state["not_kept"] >= PLATEAU_ROUNDS:
        return "plateau", f"{PLATEAU_ROUNDS} rounds in a row were not kept"
    if state["round"] >= max_rounds:
        return "budget_spent", "its one round is done" if max_rounds == 1 else f"all {max_rounds} rounds are done"
    if images_left is not None and images_left < 1:
        return "budget_spent", "all images of the budget are made"
    return "", ""
