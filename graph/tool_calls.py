"""The tool calls of a planner's answer, one after the other: each is a step of its own, saved before the next begins.

The first that fails cancels those after it, each with a message, since providers refuse a call without a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from functools import cache
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolCall, ToolMessage
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest, ToolInvocationError
from langgraph.runtime import Runtime
from langgraph.types import Command

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import clean_text
from atlantis_core.run.session import Session
from atlantis_dml.graph.state import State
from atlantis_dml.tools import make_tools
from atlantis_dml.tools.context import RunContext

MOST_CALLS = 8
"""Calls of one answer that may run."""

_LONGEST_NAME = 60


def list_open_calls(state: State) -> list[ToolCall]:
    """Return the calls of the newest decision that have no result yet, in order."""
    messages = state["messages"]
    places = [place for place, message in enumerate(messages) if isinstance(message, AIMessage)]
    if not places:
        return []
    decision: Any = messages[places[-1]]
    answered = {message.tool_call_id for message in messages[places[-1] :] if isinstance(message, ToolMessage)}
    return [call for call in decision.tool_calls if call["id"] not in answered]


def name_calls(calls: Sequence[ToolCall]) -> list[ToolCall]:
    """Return calls with ids that differ, by which their results are found: some providers repeat or omit them."""
    named: list[ToolCall] = []
    for place, call in enumerate(calls):
        taken = {one["id"] for one in named}
        name = call["id"] or f"call-{place}"
        named.append({**call, "id": f"{name}-{place}" if name in taken else name})
    return named


def cancel_calls(calls: Sequence[ToolCall], session: Session, parent: int, why: str) -> list[AnyMessage]:
    """Answer calls that do not run, and show each in the trace under its decision."""
    messages: list[AnyMessage] = []
    for call in calls:
        text = f"not run: {why}"
        with session.span("tool", call["name"], call["args"], parent) as span:
            span.output, span.status = {"text": text}, "failed"
        messages.append(ToolMessage(text, tool_call_id=call["id"], name=call["name"], status="error"))
    return messages


def run_next_call(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Run the next call of the planner's answer under its event; a failure cancels those after it."""
    session, parent = runtime.context.session, state["planner_event"]
    call, *others = list_open_calls(state)
    if state.get("stop_reason"):
        return {"messages": cancel_calls([call, *others], session, parent, f"the run ends: {state['stop_detail']}")}
    update = _run(call, state)
    if update["messages"][0].status == "error" and others:
        why = f"{clean_text(call['name'], _LONGEST_NAME)}, called before it in this answer, failed"
        update["messages"] = [*update["messages"], *cancel_calls(others, session, parent, why)]
    return update


def _run(call: ToolCall, state: State) -> dict[str, Any]:
    """Return the update of the state by one call."""
    alone = {**state, "messages": [*state["messages"], AIMessage("", tool_calls=[call])]}
    (command,) = _make_runner().invoke(alone)
    return dict(command.update)


@cache
def _make_runner() -> ToolNode:
    return ToolNode(make_tools(), handle_tool_errors=_in_words, wrap_tool_call=_run_tool)


def _run_tool(request: ToolCallRequest, execute: Callable[[ToolCallRequest], Any]) -> Command[Any]:
    """Run one tool call: record it, let its progress out, and count failures in a row."""
    runtime: Any = request.runtime
    session, call, state = connect(runtime), request.tool_call, runtime.state
    with session.span("tool", call["name"], call["args"], state["planner_event"]) as span:
        answered = _refuse_unknown(request) or execute(request)
        update: Any = answered.update if isinstance(answered, Command) else {"messages": [answered]}
        message = update["messages"][0]
        has_failed = message.status == "error"
        span.output = {"text": message.text, "artifact": message.artifact}
        span.status = "failed" if has_failed else "done"
        message.artifact = None  # the trace has it; the state is saved with every step
    return Command(update=update | {"failures": state["failures"] + 1 if has_failed else 0})


def _refuse_unknown(request: ToolCallRequest) -> ToolMessage | None:
    """Refuse a call with an argument that the tool does not have: langchain would drop it without a word."""
    call, tool = request.tool_call, request.tool
    unknown = [name for name in call["args"] if tool is not None and name not in tool.args]
    if not unknown:
        return None
    known = ", ".join(tool.args if tool else ()) or "none"
    text = f"{call['name']} has no argument {clean_text(str(unknown[0]), _LONGEST_NAME)!r}; known: {known}"
    return ToolMessage(text, tool_call_id=call["id"], name=call["name"], status="error")


def connect(runtime: Any) -> Session:
    """Return the run's session; its progress goes to the graph's stream, and ends the work where it is to stop."""
    context, write = runtime.context, runtime.stream_writer
    variables = copy_context()  # the writer finds its graph in them, and trainings call it from threads of their own

    def progress(what: str, done: int, total: int) -> None:
        context.stop.check()
        variables.copy().run(write, {"what": what, "done": done, "total": total})

    context.session.progress = progress
    return context.session  # type: ignore[no-any-return]  # Studio hands in a context of its own


def _in_words(error: Exception) -> str:
    """Answer what the planner can act on; anything else is a bug and flies on."""
    if isinstance(error, ToolError | ToolInvocationError):
        return str(error)
    raise error


def describe_calls(calls: Sequence[ToolCall]) -> list[Mapping[str, Any]]:
    """Return calls as the trace shows them: names and arguments."""
    return [{"name": call["name"], "args": call["args"]} for call in calls]
