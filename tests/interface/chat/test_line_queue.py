"""Lines are answered one after the other, none is lost, and a bug in one does not silence the next."""

from __future__ import annotations

import threading
import time

import pytest

from atlantis_dml.chat.line_queue import LineQueue


def _rest(lines: LineQueue) -> None:
    deadline = time.monotonic() + 20
    while lines.is_busy():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_lines_of_many_threads_are_all_answered_one_at_a_time() -> None:
    answered: list[str] = []
    inside = threading.Semaphore(1)

    def answer(line: str) -> None:
        assert inside.acquire(blocking=False), "two lines at once"
        answered.append(line)
        inside.release()

    lines = LineQueue(answer)

    def speak(number: int) -> None:
        for index in range(200):
            lines.put(f"{number}/{index}")

    speakers = [threading.Thread(target=speak, args=(number,)) for number in range(4)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    _rest(lines)
    assert len(answered) == 800
    for n in range(4):
        assert [line for line in answered if line.startswith(f"{n}/")] == [f"{n}/{i}" for i in range(200)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_ends_one_answer_and_the_next_line_is_answered() -> None:
    answered: list[str] = []

    def answer(line: str) -> None:
        if line == "bad":
            raise ValueError(line)
        answered.append(line)

    lines = LineQueue(answer)
    lines.put("bad")
    for thread in [one for one in threading.enumerate() if one.name == "answers"]:
        thread.join()  # its traceback belongs to this test, not to the next one
    _rest(lines)
    lines.put("good")
    _rest(lines)
    assert answered == ["good"]
