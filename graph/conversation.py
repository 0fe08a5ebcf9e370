"""The conversation with a person: a host that talks and a desk that acts, remembered in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolInvocationError
from langgraph.runtime import Runtime

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import is_complete
from atlantis_dml.agents.host import Host
from atlantis_dml.agents.rules.host import RuleHost
from atlantis_dml.graph.running import open_checkpoints
from atlantis_dml.tools.desk import make_desk_tools
from atlantis_dml.tools.desk.context import BY_CODE, Desk, DeskContext, person_words

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.prebuilt.tool_node import ToolCallRequest


CALLS_PER_TURN = 6
"""Calls of the desk between two sentences of the person."""

_RECURSION = 4 * CALLS_PER_TURN

Hear = Callable[[str], None]


class ConversationState(TypedDict, total=False):
    """What the nodes hand on."""

    messages: Annotated[list[AnyMessage], add_messages]
    """What the person said, what the host answered and called, and what the desk said to it."""
    calls: int
    """Calls of the desk in this turn, broken ones too."""
    host_event: int
    """Trace event of the host's last answer; desk calls hang under it."""


@dataclass(frozen=True, slots=True)
class ConversationContext(DeskContext):
    """Handed to every node of one turn; never saved."""

    host: Host
    workspace: Workspace
    chat_id: str
    hear: Hear | None

    @property
    def asks_model(self) -> bool:
        """See `DeskContext.asks_model`."""
        return self.host.name != RuleHost.name


class Conversation:
    """One conversation of a workspace.

    Args:
        chat_id: What it is remembered and traced under: `chat-...`.
        workspace: Keeps both.
        desk: What the host's tools act on.
    """

    def __init__(self, chat_id: str, workspace: Workspace, desk: Desk) -> None:
        self._chat_id, self._workspace, self._desk = chat_id, workspace, desk

    def say(self, host: Host, words: str, hear: Hear | None = None) -> str:
        """Take what a person says, let the host act on it, and return its answer.

        Args:
            host: Who answers; may be another one each time.
            words: The person's.
            hear: Receives the answer's words while they arrive.

        Raises:
            ProviderUnavailable: The host's chat model fails; what was said stays remembered.
            BudgetExceeded: The dollars do not pay for another answer.
        """
        given = ConversationState(messages=[HumanMessage(words)], calls=0)
        config: Any = self._config | {"recursion_limit": _RECURSION}
        context = ConversationContext(self._desk, host, self._workspace, self._chat_id, hear)
        with open_checkpoints(self._workspace.checkpoints) as saver:
            graph = _build_graph().copy({"checkpointer": saver})
            end = graph.invoke(given, config, context=context, durability="sync")
        return str(end["messages"][-1].text)

    def messages(self) -> list[BaseMessage]:
        """Return what was said so far, in this process or before."""
        with open_checkpoints(self._workspace.checkpoints) as saver:
            found = saver.get(self._config)
        return list(found["channel_values"].get("messages", [])) if found else []

    @property
    def _config(self) -> Any:
        return {"configurable": {"thread_id": self._chat_id}}


@cache
def _build_graph() -> CompiledStateGraph[
    ConversationState, ConversationContext, ConversationState, ConversationState
]:
    """Return the graph, compiled once in a process: `START -> host <-> desk`, `host -> END`."""
    graph: StateGraph[ConversationState, ConversationContext, ConversationState, ConversationState] = StateGraph(
        ConversationState, context_schema=ConversationContext
    )
    graph.add_node("host", _answer)
    graph.add_node("desk", ToolNode(make_desk_tools(), handle_tool_errors=_in_words, wrap_tool_call=_run_tool))
    graph.add_edge(START, "host")
    graph.add_conditional_edges("host", _after_host)
    graph.add_edge("desk", "host")
    return graph.compile(name="atlantis-chat")


def _answer(state: ConversationState, runtime: Runtime[ConversationContext]) -> dict[str, Any]:
    """Let the host answer what the person said last, or what the desk returned."""
    context, messages, calls = runtime.context, state["messages"], state.get("calls", 0)
    given = {"said": person_words(messages)[-1], "calls": calls}
    with context.workspace.events.span(context.chat_id, "host", context.host.name, given, 0) as span:
        reply = context.host.reply(messages, context.desk.situation(), context.hear)
        asked = [{"name": call["name"], "args": call["args"]} for call in reply.tool_calls]
        span.output = {"text": reply.text, "calls": asked}
    if context.hear and reply.text and asked:
        context.hear("\n")  # what follows the call is a new sentence
    return _read(reply, calls) | {"host_event": span.id}


def _read(reply: AIMessage, calls: int) -> dict[str, Any]:
    """Let one complete call through, while the turn has any left; a broken one is answered and does not run."""
    wants = bool(reply.tool_calls or reply.invalid_tool_calls)
    if not wants or calls >= CALLS_PER_TURN:
        done = reply.text or "That took too many steps at once; say what to do next."
        return {"messages": [AIMessage(done)]}
    if reply.tool_calls and is_complete(reply):
        return {"messages": [AIMessage(reply.text, tool_calls=reply.tool_calls[:1])], "calls": calls + 1}
    again = "That call did not run: its arguments were incomplete. Make one complete call, or answer."
    broken = [AIMessage(reply.text or "(a broken call)"), HumanMessage(again, additional_kwargs=dict(BY_CODE))]
    return {"messages": broken, "calls": calls + 1}


def _after_host(state: ConversationState) -> Literal["host", "desk", "__end__"]:
    last = state["messages"][-1]
    if isinstance(last, HumanMessage):
        return "host"
    return "desk" if isinstance(last, AIMessage) and last.tool_calls else END  # type: ignore[return-value]


def _run_tool(request: ToolCallRequest, execute: Callable[[ToolCallRequest], Any]) -> Any:
    """Run one tool of the desk under the host's event."""
    runtime: Any = request.runtime
    context, call, parent = runtime.context, request.tool_call, runtime.state["host_event"]
    with context.workspace.events.span(context.chat_id, "tool", call["name"], call["args"], parent) as span:
        answered = execute(request)
        span.output = {"text": answered.text}
        span.status = "failed" if answered.status == "error" else "done"
    return answered


def _in_words(error: Exception) -> str:
    """Answer what the host can tell the person; anything else is a bug and flies on."""
    if isinstance(error, ToolError | SetupError | ToolInvocationError):
        return str(error)
    raise error


def read_last_exchange(messages: Sequence[BaseMessage]) -> tuple[str, str]:
    """Return what the person said last and what was answered; empty where nothing was."""
    said = person_words(messages)
    answers = [m.text for m in messages if isinstance(m, AIMessage | ToolMessage) and m.text]
    return (said[-1] if said else "", answers[-1] if answers else "")
