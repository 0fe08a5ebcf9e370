"""Where to go next, by the state; what was drafted in a round, and what the filters left of it, is in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import ToolMessage
from langgraph.runtime import Runtime

from atlantis_core.base.hashing import content_hash
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import JudgedRound, read_round
from atlantis_core.run.verdicts import has_survivors
from atlantis_dml.graph.asking import needs_answer
from atlantis_dml.graph.state import State
from atlantis_dml.graph.tool_calls import find_next_call, list_open_calls
from atlantis_dml.tools.context import RunContext

SPENDING_TOOL = "generate_images"
"""The tool that waits for approval."""

MAX_FAILURES = 5
"""Failed tool calls in a row after which the run is paused."""

PLATEAU_ROUNDS = 2
"""Rounds not kept in a row that count as a plateau."""


def after_planner(
    state: State, runtime: Runtime[RunContext]
) -> Literal["approve", "ask", "tools", "planner", "report"]:
    """A call goes to the tools, a spending one through approval; an unreadable one goes back; else the end."""
    return "report" if state.get("stop_reason") else _route_next_call(state, runtime)


def _route_next_call(state: State, runtime: Runtime[RunContext]) -> Literal["approve", "ask", "tools", "planner"]:
    """Return where the next open call goes; without one the planner decides."""
    call = find_next_call(state, runtime.context.session)
    if call is None:
        return "planner"
    if needs_answer(call, state):
        return "ask"
    if call["name"] != SPENDING_TOOL:
        return "tools"
    protocol = runtime.context.session.read(state["round"], JournalKind.PROTOCOL)
    return "tools" if protocol is None or hash_protocol(protocol) == state["approved"] else "approve"


def shown_protocol(state: State) -> str:
    """Return the content hash of the protocol that a person is shown; empty where there is none."""
    protocol: Any = state.get("protocol") or ""
    if isinstance(protocol, dict):  # a checkpoint of a version that kept the protocol itself in the state
        protocol = content_hash("approval", protocol)
    return str(protocol)


def after_approve(state: State) -> Literal["tools", "approve", "planner", "report"]:
    """An approved spending is made; one that was not goes back to the planner; a changed protocol is shown again."""
    if state.get("stop_reason"):
        return "report"
    if state["approved"]:
        return "tools"
    return "approve" if list_open_calls(state) else "planner"


def after_tools(
    state: State, runtime: Runtime[RunContext]
) -> Literal["judge", "approve", "ask", "tools", "planner", "report"]:
    """A measured candidate is judged, and so is a round of which no image is left; else what comes next.

    Calls that are open when the run ends go to the tools once more, which answer that they do not run.
    """
    if state.get("stop_reason"):
        return "tools" if list_open_calls(state) else "report"
    answer = state["messages"][-1]
    if isinstance(answer, ToolMessage) and answer.status == "error":
        return "planner"
    last, session = (state["steps"] or [""])[-1], runtime.context.session
    nothing_left = last == "score_outliers" and not has_survivors(session, read_round(session, state["round"]))
    return "judge" if nothing_left or last == "evaluate_retrieval:candidate" else _route_next_call(state, runtime)


def after_ask(state: State) -> Literal["tools"]:
    """The answer goes to the planner through the tool; a run that a person ended cancels its open calls there."""
    del state
    return "tools"


def after_critique(
    state: State, runtime: Runtime[RunContext]
) -> Literal["approve", "ask", "tools", "planner", "report"]:
    """The next call of the answer, the next round, or the end."""
    if state.get("stop_reason"):
        return "tools" if list_open_calls(state) else "report"
    return _route_next_call(state, runtime)


def find_stop_reason(
    judged: Sequence[JudgedRound], max_rounds: int, goal_reached: bool, images_left: float | None = None
) -> tuple[str, str]:
    """Return why a run ends after a judged round, as a code and in words; empty strings to go on.

    Args:
        judged: Its judged rounds so far.
        max_rounds: The budget's rounds.
        goal_reached: Whether the goal's target is met.
        images_left: Of the budget; None without a limit.
    """
    if goal_reached:
        return "goal_reached", "the goal's target is met"
    newest = judged[-PLATEAU_ROUNDS:]
    if len(newest) == PLATEAU_ROUNDS and not any(one.is_kept for one in newest):
        return "plateau", f"{PLATEAU_ROUNDS} rounds in a row were not kept"
    if judged[-1].index >= max_rounds:
        return "budget_spent", "its one round is done" if max_rounds == 1 else f"all {max_rounds} rounds are done"
    if images_left is not None and images_left < 1:
        return "budget_spent", "all images of the budget are made"
    return "", ""
