"""The graph's state: small, plain JSON. Everything heavy is in the store."""

from __future__ import annotations

from typing import Annotated

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
    arms: dict[str, list[str]]
    """Trial ids of `baseline`, `incumbent`, `candidate` (by judging seed) and `diagnosing`."""
    protocol: str
    """Content hash of this round's protocol, which the journal holds; empty before there is one."""
    approved: str
    """Content hash of the protocol that may be spent on, once; empty where none may."""
    survivors: int
    """Images of this round that passed the filters; -1 before they are screened."""
    last_kept: bool
    """Whether the last judged round was kept."""
    not_kept: int
    """Rounds not kept in a row."""
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
        arms={},
        protocol="",
        approved="",
        survivors=-1,
        last_kept=False,
        not_kept=0,
        failures=0,
        planner_event=0,
        stop_reason="",
        stop_detail="",
    )
