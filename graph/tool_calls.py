"""The tool calls of a planner's answer, one after the other: each is a step of its own, saved before the next begins.

The first that fails cancels those after it, each with a message, since providers refuse a call without a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from functools import cache
from typing import Any, cast

from langchain_core.messages import AIMessage, AnyMessage, ToolCall, ToolMessage
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest, ToolInvocationError
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import ValidationError

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import clean_text
from atlantis_core.run.session import Session
from atlantis_dml.graph.state import State
from atlantis_dml.tools import make_tools
from atlantis_dml.tools.chains import begin_chain, extend_chain, find_chain_call
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


def find_next_call(state: State, session: Session) -> ToolCall | None:
    """Return the call that runs next: the next step of a chain, or the next open call; None if none is open."""
    calls = list_open_calls(state)
    return (_find_step(calls[0], state, session) or calls[0]) if calls else None


def _find_step(call: ToolCall, state: State, session: Session) -> ToolCall | None:
    """Return the next step of a call that is a chain, as a call of its own; None if none is left.

    A call with wrong arguments has none either: its tool refuses them.
    """
    step = None if _find_fault(call) else find_chain_call(state, session, call["name"], call["args"])
    if step is None:
        return None
    number = len((state.get("chain") or {}).get("lines", []))
    return ToolCall(name=step[0], args=dict(step[1]), id=f"{call['id']}/{number}", type="tool_call")


def run_next_call(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Run the next call of the planner's answer under its event; a failure cancels those after it."""
    session, parent = runtime.context.session, state["planner_event"]
    call, *others = list_open_calls(state)
    if state.get("stop_reason") and not state.get("chain"):
        return {"messages": cancel_calls([call, *others], session, parent, f"the run ends: {state['stop_detail']}")}
    if step := _find_step(call, state, session):
        return _run_step(call, step, state, session)
    update = _run(call, state) | {"chain": {}}
    if update["messages"][0].status == "error" and others:
        why = f"{clean_text(call['name'], _LONGEST_NAME)}, called before it in this answer, failed"
        update["messages"] = [*update["messages"], *cancel_calls(others, session, parent, why)]
    return update


def _run_step(call: ToolCall, step: ToolCall, state: State, session: Session) -> dict[str, Any]:
    """Run a step of a chain; its result goes into the chain, which answers for all its steps at its end."""
    update = _run(step, cast("State", {**state, "chain": begin_chain(state)}))
    (message,) = update.pop("messages")
    has_failed = message.status == "error"
    del update["failures"]  # counted once, when the chain answers
    after = cast("State", {**state, **update})
    name = ":".join(filter(None, [step["name"], step["args"].get("arm")]))
    chain = extend_chain(after, session, call["name"], call["args"], name, message.text, failed=has_failed)
    return {**update, "chain": chain}


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
        answered = _refuse_arguments(request) or execute(request)
        update: Any = answered.update if isinstance(answered, Command) else {"messages": [answered]}
        message = update["messages"][0]
        has_failed = message.status == "error"
        span.output = {"text": message.text, "artifact": message.artifact}
        span.status = "failed" if has_failed else "done"
        message.artifact = None  # the trace has it; the state is saved with every step
    return Command(update=update | {"failures": state["failures"] + 1 if has_failed else 0})


def _refuse_arguments(request: ToolCallRequest) -> ToolMessage | None:
    """Refuse a call with wrong arguments; one that the tool does not have langchain would drop without a word."""
    call = request.tool_call
    text = _find_fault(call)
    if not text:
        return None
    return ToolMessage(text, tool_call_id=call["id"], name=call["name"], status="error")


def _find_fault(call: ToolCall) -> str:
    """Return what is wrong with the arguments of a call; empty if they are those of its tool."""
    tool = _make_runner().tools_by_name.get(call["name"])
    if tool is None:
        return ""
    if unknown := [name for name in call["args"] if name not in tool.args]:
        name, known = clean_text(str(unknown[0]), _LONGEST_NAME), ", ".join(tool.args) or "none"
        return f"{call['name']} has no argument {name!r}; known: {known}"
    schema: Any = tool.tool_call_schema
    try:
        schema.model_validate(call["args"])
    except ValidationError as error:
        first = error.errors()[0]
        where = clean_text(".".join(map(str, first["loc"])), _LONGEST_NAME)
        return f"{call['name']}: argument {where!r} is not valid: {first['msg']}"
    return ""


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
