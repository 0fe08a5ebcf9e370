"""A queue of lines that a thread answers in order; the thread exists only while there are lines."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class LineQueue:
    """Answers lines one after the other; safe to use from many threads.

    An exception ends the thread with its traceback; the next line starts a new one.
    """

    def __init__(self, answer: Callable[[str], None]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._lines: deque[str] = deque()
        self._busy = False

    def is_busy(self) -> bool:
        """Whether a line is waiting or being answered."""
        return self._busy

    def put(self, line: str) -> None:
        """Add a line to the queue."""
        with self._lock:
            self._lines.append(line)
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._work, name="answers", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._lines:
                    self._busy = False
                    return
                line = self._lines.popleft()
            try:
                self._answer(line)
            except BaseException:
                self._busy = False
                raise
