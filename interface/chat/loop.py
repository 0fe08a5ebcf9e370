"""A conversation on the terminal: greeting, reading, slash commands, leaving."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from atlantis_core.chat.status_lines import describe_data
from atlantis_dml.app.output import EXIT_INTERRUPTED, EXIT_WAITING
from atlantis_dml.chat.answers import ChatAnswers, answer_without_host, is_stop_word
from atlantis_dml.chat.line_queue import LineQueue

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.redaction import Redact
    from atlantis_dml.agents.host import Host
    from atlantis_dml.chat.desk import ChatDesk
    from atlantis_dml.chat.terminal import ChatTerminal
    from atlantis_dml.graph.conversation import Conversation

_QUIT = frozenset({"/quit", "/exit", "quit", "exit", "bye"})


class TerminalChat:
    """Talks with a person until they leave. The host is built for each line, since the remaining budget changes."""

    def __init__(
        self,
        conversation: Conversation,
        desk: ChatDesk,
        host: Callable[[], Host],
        terminal: ChatTerminal,
        workspace: Workspace,
        redact: Redact,
    ) -> None:
        self._answers = ChatAnswers(conversation, host, redact)
        self._lines = LineQueue(self._say)
        self._conversation, self._desk, self._host = conversation, desk, host
        self._terminal, self._workspace = terminal, workspace
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
            self._terminal.answer(self._answers.answer(line, self._terminal.hear))

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
        name = self._host().name
        who = "Rules answer, without a chat model" if name == "rules" else f"{name} answers"
        if not resumed:
            self._terminal.say(f"{who}. State a goal and a budget; /help shows how, /quit leaves.")
            return
        self._terminal.say(f"{who}. Resuming {self._desk.record.id}; run status: {self._desk.status}; /help, /quit.")
        line, reply = read_last_exchange(self._conversation.messages())
        if line:
            self._terminal.say(f"Last: {line}\n   -> {(reply.splitlines() or [''])[0]}")
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
