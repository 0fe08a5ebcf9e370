"""The event log tells whoever watches it, counts what writing costs, and knows what is open where."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.store.events import Event
from atlantis_core.store.workspace import Workspace


def test_a_watcher_is_told_when_an_event_begins_and_when_it_is_over(tmp_path: Path) -> None:
    log, heard = Workspace(tmp_path).events, list[Event]()
    log.watchers.append(heard.append)
    with log.span("run", "tool", "t", {"a": 1}) as span:
        assert [event["status"] for event in heard] == ["running"]
        span.output, span.tokens = {"text": "x"}, 3
    assert heard[1] == log.of_run("run")[0]
    assert [heard[1][key] for key in ("status", "output", "tokens")] == ["done", {"text": "x"}, 3]
    assert heard[0].items() <= (heard[1] | {"status": "running"}).items()


def test_a_failure_is_told_too_and_flies_on(tmp_path: Path) -> None:
    log, heard = Workspace(tmp_path).events, list[Event]()
    log.watchers.append(heard.append)
    with pytest.raises(ValueError, match="no"), log.span("run", "tool", "t"):
        raise ValueError("no")
    assert (heard[1]["status"], heard[1]["output"]) == ("failed", "ValueError: no")


def test_what_is_open_here_is_known_and_writing_is_counted(tmp_path: Path) -> None:
    log = Workspace(tmp_path).events
    assert log.open_here() is None
    with log.span("run", "tool", "t") as outer:
        assert log.open_here() == outer.id
        with log.span("run", "job", "j", parent=log.open_here()):
            pass
    assert log.open_here() is None
    assert [event["parent"] for event in log.of_run("run")] == [None, outer.id]
    assert 0 < log.write_seconds < 60
