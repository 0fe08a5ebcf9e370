"""Progress on stderr: bars on a terminal, otherwise a plain line every few seconds."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from atlantis_core.base.stopping import StopToken
from atlantis_core.base.text import clean_text
from atlantis_dml.app.output import mark_spoken

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from atlantis_core.run.session import Session

PLAIN_LINE_EVERY_SECONDS = 5.0
_LONGEST = 400


class Screen:
    """Draws progress, and prints a line for each decision and result.

    Its texts may come from a collection, so they are cleaned of control characters and never read as markup. Tools
    call `progress` from threads of their own. Without a terminal, progress lines are `every_seconds` apart.
    """

    def __init__(self, console: Console, every_seconds: float = PLAIN_LINE_EVERY_SECONDS) -> None:
        self._console = console
        self._every_seconds = every_seconds
        self._last = time.monotonic()
        self._lock = threading.Lock()
        self._bars: Bars | None = _bars(console) if console.is_terminal else None
        self._tasks: dict[str, Any] = {}
        self.stop = StopToken()
        """Requested by Ctrl-C: the next call of `progress`, in any thread, ends the work there."""

    def __enter__(self) -> Screen:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how much of something is done; an `atlantis_core.base.ports.Progress`.

        Raises:
            Stopped: Ctrl-C or `stop`; the work ends here.
        """
        self.stop.check()
        self.show(what, done, total)

    def show(self, what: str, done: int, total: int) -> None:
        """Show progress without ending the work."""
        with self._lock:
            what = clean_text(what, _LONGEST)
            if self._bars and done >= total:
                if what in self._tasks:
                    self._bars.remove_task(self._tasks.pop(what))
            elif self._bars:
                if what not in self._tasks:
                    self._tasks[what] = self._bars.add_task(what, total=total)
                self._bars.update(self._tasks[what], completed=done, total=total)
            elif time.monotonic() - self._last >= self._every_seconds:
                self._print(f"  {what} {done}/{total}")

    def line(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            self._print(text)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the bars while a question is asked."""
        if self._bars:
            self._bars.stop()
        yield
        if self._bars:
            self._bars.start()

    def _print(self, text: str) -> None:
        indent = len(text) - len(text.lstrip())
        self._last = time.monotonic()
        mark_spoken()
        self._console.print(" " * indent + clean_text(text, _LONGEST), markup=False, highlight=False, soft_wrap=True)


def open_stderr_screen() -> Screen:
    """Return a screen on stderr."""
    from rich.console import Console

    return Screen(Console(stderr=True))


def make_watcher(screen: Screen, judged: Callable[[], str]) -> Callable[[str, Mapping[str, Any]], None]:
    """Return a watcher for `graph.running.advance` that prints decisions, tool results and judged rounds."""

    def watch(node: str, update: Any) -> None:
        if node == "progress":
            screen.show(**update)
            return
        if node == "judge":
            screen.line(f"= {judged()}")
        for part in update if isinstance(update, list) else [update]:
            for message in part.get("messages", []) if isinstance(part, Mapping) else []:
                for line in _lines(message):
                    screen.line(line)

    return watch


def _lines(message: Any) -> list[str]:
    if message.type == "tool":
        return [f"  {'x' if message.status == 'error' else ' '} {message.text}"]
    if message.type != "ai":
        return [f"  x {message.text}"]
    lines = []
    for call in message.tool_calls:
        given = ", ".join(f"{name}={value}" for name, value in call["args"].items())
        lines.append(f"> {call['name']}{f'({given})' if given else ''}: {message.text}")
    return lines or [f"> {message.text}"]


def _bars(console: Console) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("  {task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=console, transient=True)


def is_interactive() -> bool:
    """Whether a person can be asked: stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def describe_last_round(session: Session) -> str:
    """Return a line about the round that was judged last."""
    from atlantis_core.run.round import read_judged_rounds

    last = read_judged_rounds(session)[-1]
    return f"round {last.index} {'kept' if last.is_kept else 'rolled back'}: {last.decision.reason}"
