"""What happens with a line of a conversation, and the loop that reads lines on the terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable
from atlantis_core.chat.consent import STARTING_ACT
from atlantis_core.chat.status_lines import describe_data
from atlantis_dml.agents.rules.host import HELP, RuleHost
from atlantis_dml.app.output import EXIT_INTERRUPTED, EXIT_WAITING
from atlantis_dml.chat.line_queue import LineQueue
from atlantis_dml.settings import build_redaction

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.redaction import Redact
    from atlantis_dml.chat.desk import ChatDesk
    from atlantis_dml.chat.terminal import ChatTerminal
    from atlantis_dml.graph.conversation import Conversation

SLASH_COMMANDS = """Commands that need no model: /status /budget /approve [N] /respond WORDS /reject [because ...]
  /end /why WORDS /skip WORDS /undo /start /stop /go /trace /help /quit"""

_WITHOUT_WORDS = frozenset({"status", "budget", "undo", "start", "stop", "go"})
_WITH_WORDS = frozenset({"approve", "respond", "reject", "end", "why", "skip"})
_STOP_WORDS = frozenset({"stop", "pause", "halt"})
"""Words that are never sent to a chat model."""
_QUIT = frozenset({"/quit", "/exit", "quit", "exit", "bye"})
_LONGEST = 10_000
"""Characters of a line; the rest is cut off."""


def answer_line(line: str, conversation: Conversation, desk: ChatDesk, hear: Callable[[str], None]) -> str:
    """Let a host act on a line and return its reply, or a sentence if the provider fails.

    Rules act on commands and on a request to stop, the conversation's host on everything else.

    Args:
        line: Without keys; see `clean_line`.
        conversation: Remembers the line and the reply.
        desk: Says who the host is; asked for each line, since the remaining budget changes.
        hear: Called with each piece of the reply as it arrives.
    """
    if desk.pending_ask() and not (line.startswith("/") or is_stop_word(line)):
        return desk.answer_ask(line)
    if line.startswith("/") and _command(line) in _WITHOUT_WORDS:
        line = line.split(" ", maxsplit=1)[0]
    host = RuleHost() if line.startswith("/") or is_stop_word(line) else desk.host()
    try:
        return conversation.say(host, line.removeprefix("/"), hear)
    except (ProviderUnavailable, BudgetExceeded) as error:
        return f"{error}. Commands that start with / work without it (see /help)."


def answer_without_host(line: str) -> str | None:
    """Return the help, or an error for an unknown command; None for a line that a host answers."""
    if line.lower() in {"/help", "help"}:
        return f"{HELP}\n{SLASH_COMMANDS}"
    if line.startswith("/") and _command(line) not in {*_WITHOUT_WORDS, *_WITH_WORDS}:
        return f"there is no command {line.split(' ', maxsplit=1)[0][:40]!r}\n{SLASH_COMMANDS}"
    return None


def is_stop_word(line: str) -> bool:
    """Whether a line asks to stop."""
    return line.lower().strip(" .!/") in _STOP_WORDS


def clean_line(line: str, redact: Redact) -> str:
    """Return a line without API keys and cut to the longest length."""
    return redact(line.encode("utf-8", "replace").decode("utf-8"))[:_LONGEST]


def _command(line: str) -> str:
    return line[1:].split(" ", maxsplit=1)[0].lower()


class TerminalChat:
    """Talks with a person until they leave."""

    def __init__(
        self, conversation: Conversation, desk: ChatDesk, terminal: ChatTerminal, workspace: Workspace
    ) -> None:
        self._lines = LineQueue(self._say)
        self._conversation, self._desk = conversation, desk
        self._terminal, self._workspace = terminal, workspace
        self._redact = build_redaction()
        self._stopped_run = False
        """Whether the last Ctrl-C had a run to stop."""

    def run(self, *, resumed: bool) -> int:
        """Greet, talk, and return the exit code."""
        with self._interruptible():
            self._greet(resumed=resumed)
            while True:
                try:
                    if not self._terminal.is_a_person:
                        self._desk.worker.wait()  # a script's next line expects the run to be finished
                    line = self._terminal.read()
                    if line is None or not self._take(line.strip()):
                        return self._leave()
                except KeyboardInterrupt:
                    if not self._stopped_run:
                        self._terminal.say("\nleft; `atlantis chat` resumes this conversation")
                        return EXIT_INTERRUPTED
                    self._terminal.say("\nstopping the run; press Ctrl-C again to leave")

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Make the first Ctrl-C stop the run, even if a library swallows the interrupt, and the next one leave."""

        def interrupt(_number: int, _frame: object) -> NoReturn:
            self._stopped_run = self._desk.worker.stop()
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _take(self, line: str) -> bool:
        """Act on a line; return False if the person leaves.

        A person's line is answered in a thread, so that `stop` works while a model thinks; a script's at once.
        """
        if line.lower() in _QUIT:
            return False
        if line.lower().startswith("/trace"):
            self._trace()
        elif (text := answer_without_host(line)) is not None:
            self._terminal.say(text)
        elif not line or line.startswith("#"):
            pass
        elif not self._terminal.is_a_person:
            self._say(line)
        elif self._lines.is_busy() and is_stop_word(line):
            stopped = self._desk.worker.stop()
            self._terminal.say("stopping the run" if stopped else "no run is working now; the answer is on its way")
        else:
            self._lines.put(line)
        return True

    def _say(self, line: str) -> None:
        with self._terminal.answering():
            line = clean_line(line, self._redact)
            self._terminal.answer(answer_line(line, self._conversation, self._desk, self._terminal.hear))

    def _trace(self) -> None:
        from atlantis_dml.views.trace import build_trace, show_trace

        if not self._desk.record.run_id:
            self._terminal.say("this conversation has no run yet")
            return
        with self._terminal.answering():
            show_trace(build_trace(self._workspace, self._desk.record.run_id), whole=False)

    def _greet(self, *, resumed: bool) -> None:
        from atlantis_dml.graph.conversation import read_last_exchange

        self._terminal.say(describe_data(self._desk.collection())[0])
        name = self._desk.host().name
        who = "Rules answer, without a chat model" if name == "rules" else f"{name} answers"
        if not resumed:
            self._terminal.say(f"{who}. State a goal and a budget; /help shows how, /quit leaves.")
            return
        self._terminal.say(f"{who}. Resuming {self._desk.record.id}; run status: {self._desk.status}; /help, /quit.")
        line, reply = read_last_exchange(self._conversation.messages())
        if line:
            self._terminal.say(f"Last: {line}\n   -> {(reply.splitlines() or [''])[0]}")
        if self._desk.status == "planned":
            self._terminal.say(f"The plan was not started: {STARTING_ACT} starts it.")
        if self._desk.status == "waiting":
            self._desk.show_question()

    def _leave(self) -> int:
        """Pause the run if a person leaves, else wait for it; return the exit code."""
        if self._terminal.is_a_person and self._desk.worker.stop():
            self._terminal.say("pausing the run; `atlantis chat` resumes it")
        try:
            self._desk.worker.wait()
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        return EXIT_WAITING if self._desk.status in {"waiting", "paused"} else 0
