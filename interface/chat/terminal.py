"""The terminal of a conversation: lines can be typed at any time, and what the run says appears above them."""

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
_SAY_PROGRESS_EVERY_SECONDS = 10.0


class ChatTerminal:
    """Reads what the person types and writes what is said, without tearing the line being typed.

    Without a terminal it reads plain lines and repeats them, so that a transcript can be read.
    """

    def __init__(self) -> None:
        self.is_a_person = sys.stdin.isatty() and sys.stdout.isatty()
        self._lock = threading.RLock()
        self._reading = self._talking = False
        self._held: list[str] = []
        self._heard = ""

    def screen(self) -> Screen:
        """Return a screen whose lines appear here; it draws no bars."""
        from rich.console import Console

        from atlantis_dml.app.progress import Screen

        return Screen(Console(file=self, force_terminal=False), _SAY_PROGRESS_EVERY_SECONDS)  # type: ignore[arg-type]

    def write(self, text: str) -> int:
        """Write a piece of text above the prompt; a text stream's, called from any thread."""
        with self._lock:
            if self._talking and threading.current_thread() is not threading.main_thread():
                self._held.append(text)  # what the run says waits for the end of an answer
            elif self._reading and self.is_a_person:
                sys.stdout.write(f"{_CLEAR_LINE}{text}{PROMPT}{_typed()}")
            else:
                sys.stdout.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush; a text stream's."""
        sys.stdout.flush()

    def read(self) -> str | None:
        """Return the next line; None where the input ended."""
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
        """Hold back what the run says while an answer is being written."""
        self._talking, self._heard = self.is_a_person, ""
        try:
            yield
        finally:
            with self._lock:
                self._talking = False
                held, self._held = self._held, []
                self.write("".join(held))
                self.flush()

    def hear(self, piece: str) -> None:
        """Write a piece of an answer as it comes; nothing where nobody watches."""
        if self.is_a_person:
            with self._lock:
                self._clear_prompt()
                self._heard += piece
                sys.stdout.write("".join(letter for letter in piece if letter == "\n" or letter.isprintable()))
                sys.stdout.flush()

    def answer(self, text: str) -> None:
        """Write an answer, unless all of it was heard already."""
        with self._lock:
            self._clear_prompt()
            if text and self._heard.rstrip().endswith(text.rstrip()):
                sys.stdout.write("\n")
            else:
                sys.stdout.write(("\n" if self._heard else "") + _cleaned(text))
            self._heard = ""
            if self._reading and self.is_a_person:
                sys.stdout.write(f"{PROMPT}{_typed()}")
            sys.stdout.flush()

    def _clear_prompt(self) -> None:
        """Take the prompt away before the first words of an answer; what was typed comes back after it."""
        if self._reading and self.is_a_person and not self._heard:
            sys.stdout.write(_CLEAR_LINE)

    def say(self, text: str) -> None:
        """Write lines of the program's own."""
        self.write(_cleaned(text))
        self.flush()


def _cleaned(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return "".join(f"{' ' * (len(line) - len(line.lstrip()))}{clean_text(line, _LONGEST)}\n" for line in lines)


def _typed() -> str:
    try:
        import readline
    except ImportError:
        return ""
    return readline.get_line_buffer()
