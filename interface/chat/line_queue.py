"""Lines that are answered in turn, in a thread that is there only while there is something to answer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class LineQueue:
    """Hands lines to whoever answers them, one after the other; safe to put from many threads.

    Args:
        answer: Answers a line. What flies out of it ends the thread with its traceback; the next line begins another.
    """

    def __init__(self, answer: Callable[[str], None]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._lines: deque[str] = deque()
        self._busy = False

    def is_busy(self) -> bool:
        """Whether a line waits or is being answered."""
        return self._busy

    def put(self, line: str) -> None:
        """Let a line be answered when its turn comes."""
        with self._lock:
            self._lines.append(line)
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._work, name="answers", daemon=True).start()

    def _work(self) -> None:
        while (line := self._next()) is not None:
            try:
                self._answer(line)
            except BaseException:
                self._busy = False
                raise

    def _next(self) -> str | None:
        with self._lock:
            if self._lines:
                return self._lines.popleft()
            self._busy = False
            return None
