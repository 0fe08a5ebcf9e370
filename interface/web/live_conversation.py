"""A conversation as the server holds it: one for all browsers that look at it."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import AtlantisError
from atlantis_dml.app.progress import Screen
from atlantis_dml.chat.answers import ChatAnswers, answer_without_host, build_host, is_stop_word
from atlantis_dml.chat.line_queue import LineQueue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.request import RunRequest
    from atlantis_dml.chat.record import ChatRecord
    from atlantis_dml.web.transcript import Message

_LINES_KEPT = 20


class QuietScreen(Screen):
    """Remembers the last signs of progress instead of drawing them; what the trace holds is not repeated here."""

    def __init__(self) -> None:
        from rich.console import Console

        super().__init__(Console(file=io.StringIO()))
        self._doing: tuple[str, int, int] | None = None
        self._said: list[str] = []

    def progress(self, what: str, done: int, total: int) -> None:
        """See `Screen.progress`."""
        if self.stopped.is_set():
            raise KeyboardInterrupt
        self._doing = None if done >= total else (what, done, total)

    def line(self, text: str) -> None:
        """See `Screen.line`."""
        self._said = [*self._said, text][-_LINES_KEPT:]

    def doing(self) -> str:
        """Return what is being done now, in words; may be empty."""
        doing = self._doing
        return f"{doing[0]} {doing[1]}/{doing[2]}" if doing else ""

    def complaints(self) -> list[str]:
        """Return the lines that tell of something wrong, newest last."""
        return [line for line in self._said if line.startswith(("x ", "The run is paused"))]

    def forget(self) -> None:
        """Begin anew: what went wrong before has been read."""
        self._doing, self._said = None, []


@dataclass(frozen=True, slots=True)
class ConversationState:
    """How a conversation stands, cheap to ask for: a browser asks twice a second."""

    stamp: tuple[Any, ...]
    """Changes whenever the transcript does."""
    status: str
    """Of the run, as `ChatDesk.status` says."""
    thinking: bool
    """Whether an answer is on its way."""
    doing: str
    heard: str
    """The answer that is being written, so far."""
    told: str
    """What the last command was answered with."""
    problem: str


class LiveConversation:
    """Takes what people say and do in one conversation, in turn.

    Args:
        record: The conversation.
        workspace: Keeps it.
        template: Settings of its runs.
    """

    def __init__(self, record: ChatRecord, workspace: Workspace, template: RunRequest) -> None:
        from atlantis_dml.app.agents import build_redaction
        from atlantis_dml.chat.desk import ChatDesk
        from atlantis_dml.chat.record import save_record
        from atlantis_dml.graph.conversation import Conversation

        self._workspace = workspace
        self.screen = QuietScreen()
        self.desk = ChatDesk(save_record(workspace, record), workspace, template, self.screen)
        talk = Conversation(record.id, workspace, self.desk)
        self._answers = ChatAnswers(talk, lambda: build_host(workspace, self.desk, template.spec), build_redaction())
        self._lines = LineQueue(self._answer)
        self._lock = threading.Lock()
        self._heard, self._told = "", ""
        self._runs: tuple[str, list[str]] = ("", [])
        """The conversation's newest run, and all of them as they were read when it began."""
        self._read: tuple[tuple[Any, ...], list[Message]] = ((), [])
        """The transcript, and how all stood when it was read: while an answer is written nothing is read again."""

    @property
    def id(self) -> str:
        """The conversation's."""
        return self.desk.record.id

    def say(self, line: str) -> None:
        """Take a line; it is answered in its turn, but for a wish to stop, which is heard at once."""
        line = self._answers.redacted(line.strip())
        if not line:
            return
        self.screen.forget()
        self._told = answer_without_host(line) or ""
        if self._told:
            return
        if is_stop_word(line) and self._lines.is_busy() and self.desk.working.stop():
            return
        self._lines.put(line)

    def answer(self, answer: Mapping[str, Any]) -> str:
        """Answer the protocol that waits; of two browsers the first one counts.

        Raises:
            ToolError: None waits, or not any more.
        """
        with self._lock:
            return self.desk.answer(answer)

    def go_on(self) -> str:
        """Go on with a paused run.

        Raises:
            ToolError: It is not paused.
        """
        with self._lock:
            return self.desk.go_on()

    def run_ids(self) -> list[str]:
        """Return the conversation's runs, oldest first; read anew only where another one began."""
        newest = self.desk.record.run_id
        if self._runs[0] != newest:
            found = [run.id for run in reversed(self._workspace.runs.all()) if run.spec.beside == self.id]
            self._runs = newest, found
        return self._runs[1]

    def glance(self) -> ConversationState:
        """Return how it stands now."""
        runs = self.run_ids()
        status, thinking = self.desk.status, self._lines.is_busy()
        complaints = self.screen.complaints()
        problem = complaints[-1] if complaints else ""
        stamp = (*self._workspace.events.stamp([self.id, *runs]), len(runs), len(self._heard), status)
        doing = self.screen.doing() if status == "running" else ""
        return ConversationState(stamp, status, thinking, doing, self._heard, self._told, problem)

    def messages(self) -> list[Message]:
        """Return the transcript; read anew only where something happened since."""
        runs = self.run_ids()
        stamp = (*self._workspace.events.stamp([self.id, *runs]), len(runs), self.desk.status)
        if self._read[0] != stamp:
            self._read = stamp, self._transcript(runs)
        return self._read[1]

    def _transcript(self, runs: list[str]) -> list[Message]:
        from atlantis_dml.web.transcript import build_transcript, describe_outcome

        store = self._workspace.runs
        found = build_transcript(self._workspace, self.id, runs)
        found += [describe_outcome(self._workspace, run_id) for run_id in runs if store.get(run_id).status == "done"]
        return sorted(found, key=lambda message: message.started)

    def _answer(self, line: str) -> None:
        try:
            self._answers.answer(line, self._hear)
        except AtlantisError as error:
            self.screen.line(f"x {error}")
        finally:
            self._heard = ""

    def _hear(self, piece: str) -> None:
        self._heard += piece
