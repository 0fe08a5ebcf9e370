"""The terminal of a conversation: one can type at any time; the run's lines appear above the prompt."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlantis_core.base.text import clean_text

if TYPE_CHECKING:
    from atlantis_dml.app.progress import Screen

PROMPT = "> "

_CLEAR_LINE = "\r\x1b[2K"
_LONGEST = 2000
_PROGRESS_EVERY_SECONDS = 10.0


class ChatTerminal:
    """Reads typed lines and writes replies without breaking up the line being typed.

    Without a terminal it reads plain lines and echoes them, so that the output is a complete transcript.
    """

    def __init__(self) -> None:
        self.is_a_person = sys.stdin.isatty() and sys.stdout.isatty()
        self._lock = threading.RLock()
        self._reading = self._replying = False
        self._held: list[str] = []
        self._written = ""

    def screen(self) -> Screen:
        """Return a screen that prints here, without progress bars."""
        from rich.console import Console

        from atlantis_dml.app.progress import Screen

        return Screen(Console(file=self, force_terminal=False), _PROGRESS_EVERY_SECONDS)  # type: ignore[arg-type]

    def write(self, text: str) -> int:
        """Write text above the prompt; part of the text stream interface, called from any thread."""
        with self._lock:
            if self._replying and threading.current_thread() is not threading.main_thread():
                self._held.append(text)  # the run's lines wait until the reply is complete
            elif self._reading and self.is_a_person:
                sys.stdout.write(f"{_CLEAR_LINE}{text}{PROMPT}{_read_input()}")
            else:
                sys.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush; part of the text stream interface."""
        sys.stdout.flush()

    def read(self) -> str | None:
        """Return the next line; None at the end of the input."""
        if not self.is_a_person:
            line = sys.stdin.readline()
            if line:
                self.write(f"{PROMPT}{clean_text(line, _LONGEST)}\n")
            return line or None
        self._reading = True
        try:
            return input(PROMPT)
        except EOFError:
            return None
        finally:
            self._reading = False

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Hold back the run's lines while a reply is being written."""
        self._replying, self._written = self.is_a_person, ""
        try:
            yield
        finally:
            with self._lock:
                self._replying = False
                held, self._held = self._held, []
                self.write("".join(held))
                self.flush()

    def hear(self, piece: str) -> None:
        """Write a piece of a reply as it arrives; nothing without a terminal."""
        if self.is_a_person:
            with self._lock:
                self._clear_prompt()
                self._written += piece
                sys.stdout.write("".join(letter for letter in piece if letter == "\n" or letter.isprintable()))
                sys.stdout.flush()

    def answer(self, text: str) -> None:
        """Write a reply, unless `hear` has written all of it."""
        with self._lock:
            self._clear_prompt()
            if text and self._written.rstrip().endswith(text.rstrip()):
                sys.stdout.write("\n")
            else:
                sys.stdout.write(("\n" if self._written else "") + _clean(text))
            self._written = ""
            if self._reading and self.is_a_person:
                sys.stdout.write(f"{PROMPT}{_read_input()}")
            sys.stdout.flush()

    def _clear_prompt(self) -> None:
        """Remove the prompt before a reply begins; the typed text comes back after it."""
        if self._reading and self.is_a_person and not self._written:
            sys.stdout.write(_CLEAR_LINE)

    def say(self, text: str) -> None:
        """Write lines of the program itself."""
        self.write(_clean(text))
        self.flush()


def _clean(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return "".join(f"{' ' * (len(line) - len(line.lstrip()))}{clean_text(line, _LONGEST)}\n" for line in lines)


def _read_input() -> str:
    try:
        import readline
    except ImportError:
        return ""
    return readline.get_line_buffer()
