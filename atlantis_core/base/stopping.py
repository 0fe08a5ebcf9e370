"""Stopping work from another thread: a token that long work checks between its steps."""

from __future__ import annotations

import threading

from atlantis_core.base.errors import Stopped


class StopToken:
    """A person's wish that work stops, set in one thread and checked in others."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        """Ask the work to stop at its next check."""
        self._event.set()

    def clear(self) -> None:
        """Take the wish back, for the next piece of work."""
        self._event.clear()

    def is_requested(self) -> bool:
        """Whether the work is to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Stopped` if the work is to stop."""
        if self.is_requested():
            raise Stopped("stopped by a person")
