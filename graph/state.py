"""The graph's state: small, plain JSON. What a round found and made is in the store and in its journal."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict  # that of Python 3.11 has no JSON schema, which Studio asks for


class State(TypedDict, total=False):
    """What the nodes hand on."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The planner's decisions and the tools' answers."""
    round: int
    """The round being worked on, from 1."""
    steps: list[str]
    """Steps done: those of the preparation, and those of this round."""
    protocol: str
    """Content hash of this round's protocol, empty before there is one.

    The journal holds the protocol; its hash stands here too, saved with each step, so that one that changes while
    a person decides is not approved unseen.
    """
    approved: str
    """Content hash of the protocol that may be spent on, once; empty where none may."""
    chain: dict[str, Any]
    """What a call of several steps (`tools.chains`) did so far: `lines`, `halt`, `failed`; empty outside of one."""
    answer: dict[str, str]
    """What a person answered to the planner's question: `words`, and `by` whom; empty before and after."""
    failures: int
    """Tool calls in a row that failed."""
    planner_event: int
    """Trace event of the last decision; tool calls hang under it."""
    stop_reason: str
    """Why the run ends; empty while it goes on."""
    stop_detail: str
    """The same in words."""


def initial_state() -> State:
    """Return the state a run begins with."""
    return State(
        messages=[],
        round=1,
        steps=[],
        protocol="",
        approved="",
        chain={},
        answer={},
        failures=0,
        planner_event=0,
        stop_reason="",
        stop_detail="",
    )
