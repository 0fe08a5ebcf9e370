"""What a tool of the desk is handed besides its arguments: the desk, and what the person said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langgraph.prebuilt import ToolRuntime

if TYPE_CHECKING:
    from atlantis_core.chat.run_plan import RunPlan
    from atlantis_core.records import Collection
    from atlantis_core.run.session import Session

BY_CODE = {"by": "code"}
"""Marks a message that stands where a person's would, but was written by code."""

_CHANGING = frozenset({"state_goal", "leave_alone", "note", "take_back"})
"""Tools after which a plan or a protocol is another than the person saw."""

_SHOWING = _CHANGING | {"start_run"}
"""Tools that show the plan, or what changed in it; one that was not started is shown again."""


class Desk(Protocol):
    """One conversation's collection and run. Its methods answer in sentences.

    `ChatDesk` in `interface/chat/desk.py` is the one that acts; tools may not import it. All methods raise
    `ToolError` or `SetupError` where something cannot be done now.
    """

    @property
    def planned(self) -> RunPlan:
        """The goal record being talked about."""
        ...

    def situation(self) -> str:
        """Where things stand; the first line is `status: WORD`."""
        ...

    def collection(self) -> Collection:
        """What the conversation is about."""
        ...

    def session(self) -> Session | None:
        """The newest run, if one was started."""
        ...

    def question(self) -> Mapping[str, Any] | None:
        """The protocol that waits for an answer, as the run asks it."""
        ...

    def plan(self, planned: RunPlan) -> str:
        """Take a changed goal record and show the plan."""
        ...

    def start(self, *, by_act: bool, after_plan: bool) -> str:
        """Start the planned run, or show the plan again, where a yes may not have been for it.

        Args:
            by_act: The person gave the command to start.
            after_plan: Their line follows the plan, or a change to it, directly.
        """
        ...

    def stop(self) -> str:
        """Pause the run at its next sign of progress."""
        ...

    def go_on(self) -> str:
        """Go on with a paused run."""
        ...

    def leave_alone(self, words: str) -> str:
        """Make nothing for the cells that the words name."""
        ...

    def note(self, text: str) -> str:
        """Hand words on to whoever drafts next."""
        ...

    def answer(self, answer: Mapping[str, Any]) -> str:
        """Answer the protocol that waits."""
        ...

    def show_question(self) -> str:
        """Show the person the protocol that waits; return a sentence about it, empty if none does."""
        ...

    def take_back(self) -> str:
        """Undo the last wish or change of plan."""
        ...


@dataclass(frozen=True, slots=True)
class DeskContext:
    """Handed to every node and tool of a conversation; never saved."""

    desk: Desk

    @property
    def asks_model(self) -> bool:
        """Whether a chat model is the host: then a "yes" may answer a question of its own."""
        return False


if TYPE_CHECKING:
    DeskRuntime: TypeAlias = ToolRuntime[DeskContext, dict[str, Any]]
else:
    DeskRuntime = ToolRuntime[Any, Any]  # given the class, langchain would build a schema of its fields


def last_words(runtime: DeskRuntime) -> str:
    """Return what the person said last; empty if nothing."""
    said = person_words(runtime.state["messages"])
    return said[-1] if said else ""


def has_acted_since(runtime: DeskRuntime) -> bool:
    """Whether a tool changed the plan, or what is left alone, after the person's last line: they have not seen it."""
    messages = runtime.state["messages"]
    last = max((place for place, message in enumerate(messages) if _is_said(message)), default=0)
    return any(_is_of(message, _CHANGING) for message in messages[last:])


def was_shown_before(runtime: DeskRuntime) -> bool:
    """Whether the person's last line follows a plan directly, which was shown when a tool changed it."""
    messages = runtime.state["messages"]
    said = [place for place, message in enumerate(messages) if _is_said(message)]
    return len(said) > 1 and any(_is_of(message, _SHOWING) for message in messages[said[-2] : said[-1]])


def _is_of(message: BaseMessage, tools: frozenset[str]) -> bool:
    return isinstance(message, ToolMessage) and message.name in tools and message.status != "error"


def person_words(messages: Iterable[BaseMessage]) -> list[str]:
    """Return what the person said, oldest first; not what code put in their place."""
    return [message.text for message in messages if _is_said(message)]


def _is_said(message: BaseMessage) -> bool:
    return isinstance(message, HumanMessage) and message.additional_kwargs.get("by") != BY_CODE["by"]
