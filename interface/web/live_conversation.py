"""A conversation of the server, shared by all browsers that show it."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import AtlantisError
from atlantis_dml.app.progress import Screen
from atlantis_dml.chat.line_queue import LineQueue
from atlantis_dml.chat.loop import answer_line, answer_without_host, clean_line, is_stop_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.request import RunRequest
    from atlantis_dml.chat.record import ChatRecord
    from atlantis_dml.web.transcript import Message

_LINES_KEPT = 20


class QuietScreen(Screen):
    """Keeps the latest progress and lines instead of drawing them, for pages to ask for."""

    def __init__(self) -> None:
        from rich.console import Console

        super().__init__(Console(file=io.StringIO()))
        self._activity: tuple[str, int, int] | None = None
        self._lines: list[str] = []

    def show(self, what: str, done: int, total: int) -> None:
        """See `Screen.show`."""
        self._activity = None if done >= total else (what, done, total)

    def line(self, text: str) -> None:
        """See `Screen.line`."""
        self._lines = [*self._lines, text][-_LINES_KEPT:]

    def activity(self) -> str:
        """Return the current step with its progress; may be empty."""
        activity = self._activity
        return f"{activity[0]} {activity[1]}/{activity[2]}" if activity else ""

    def problems(self) -> list[str]:
        """Return the lines that report a problem, newest last."""
        return [line for line in self._lines if line.startswith(("x ", "The run is paused"))]

    def clear(self) -> None:
        """Drop progress and lines: the person has seen them."""
        self._activity, self._lines = None, []


@dataclass(frozen=True, slots=True)
class ConversationState:
    """What a page shows of a conversation besides its messages; cheap, since browsers poll it."""

    stamp: tuple[Any, ...]
    """Changes whenever the transcript does."""
    status: str
    thinking: bool
    """Whether a reply is being prepared."""
    activity: str
    reply: str
    """The part of the reply written so far."""
    notice: str
    """What the last slash command printed."""
    problem: str


class LiveConversation:
    """Handles what people type and click in one conversation, in order."""

    def __init__(self, record: ChatRecord, workspace: Workspace, template: RunRequest) -> None:
        from atlantis_dml.chat.desk import ChatDesk
        from atlantis_dml.chat.record import save_record
        from atlantis_dml.graph.conversation import Conversation
        from atlantis_dml.settings import build_redaction

        self._workspace = workspace
        self.screen = QuietScreen()
        self.desk = ChatDesk(save_record(workspace, record), workspace, template, self.screen)
        self._conversation, self._redact = Conversation(record.id, workspace, self.desk), build_redaction()
        self._lines = LineQueue(self._answer)
        self._lock = threading.Lock()
        self._reply, self._notice = "", ""
        self._runs: tuple[str, list[str]] = ("", [])
        """The newest run, and all runs of the conversation when it started."""
        self._read: tuple[tuple[Any, ...], list[Message]] = ((), [])
        """The transcript and its stamp, so that it is read again only after a change."""

    @property
    def id(self) -> str:
        """Of the conversation."""
        return self.desk.record.id

    def say(self, line: str) -> None:
        """Queue a line for an answer. A request to stop is carried out at once."""
        line = clean_line(line.strip(), self._redact)
        if not line:
            return
        self.screen.clear()
        self._notice = answer_without_host(line) or ""
        if self._notice:
            return
        if is_stop_word(line) and self._lines.is_busy() and self.desk.worker.stop():
            return
        self._lines.put(line)

    def answer(self, answer: Mapping[str, Any]) -> str:
        """Answer the protocol that waits. If two browsers answer, the earlier one counts.

        Raises:
            ToolError: No protocol waits (any more).
        """
        with self._lock:
            return self.desk.answer(answer)

    def go_on(self) -> str:
        """Resume a paused run.

        Raises:
            ToolError: It is not paused.
        """
        with self._lock:
            return self.desk.go_on()

    def run_ids(self) -> list[str]:
        """Return the conversation's runs, oldest first; read again only when a new run has started."""
        newest = self.desk.record.run_id
        if self._runs[0] != newest:
            found = [run.id for run in reversed(self._workspace.runs.all()) if run.spec.beside == self.id]
            self._runs = newest, found
        return self._runs[1]

    def state(self) -> ConversationState:
        """Return the current state."""
        runs = self.run_ids()
        status, thinking = self.desk.status, self._lines.is_busy()
        problems = self.screen.problems()
        problem = problems[-1] if problems else ""
        stamp = (*self._workspace.events.stamp([self.id, *runs]), len(runs), len(self._reply), status)
        activity = self.screen.activity() if status == "running" else ""
        return ConversationState(stamp, status, thinking, activity, self._reply, self._notice, problem)

    def messages(self) -> list[Message]:
        """Return the transcript; read again only after a change."""
        from atlantis_dml.web.transcript import build_transcript, describe_outcome

        runs = self.run_ids()
        stamp = (*self._workspace.events.stamp([self.id, *runs]), len(runs), self.desk.status)
        if self._read[0] != stamp:
            workspace = self._workspace
            found = build_transcript(workspace, self.id, runs)
            done = [run_id for run_id in runs if workspace.runs.get(run_id).status == "done"]
            found += [describe_outcome(workspace, run_id) for run_id in done]
            self._read = stamp, sorted(found, key=lambda message: message.started)
        return self._read[1]

    def _answer(self, line: str) -> None:
        try:
            answer_line(line, self._conversation, self.desk, self._add_to_reply)
        except AtlantisError as error:
            self.screen.line(f"x {error}")
        finally:
            self._reply = ""

    def _add_to_reply(self, piece: str) -> None:
        self._reply += piece
