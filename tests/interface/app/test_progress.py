"""Lines and bars of the progress on stderr."""

from __future__ import annotations

import io
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from rich.console import Console

from atlantis_core.base.errors import Stopped
from atlantis_dml.app.progress import Screen, make_watcher


def _screen(every_seconds: float = 0.0) -> tuple[Screen, io.StringIO]:
    written = io.StringIO()
    return Screen(Console(file=written, width=200), every_seconds), written


def test_decisions_and_answers_are_a_line_each_without_markup_or_control_characters() -> None:
    screen, written = _screen()
    watch = make_watcher(screen, lambda: "round 1 kept")
    call: Any = {"name": "train_retriever", "args": {"arm": "baseline"}, "id": "1"}
    watch("planner", {"messages": [AIMessage("Because [red]so[/red]\x1b[2J.", tool_calls=[call])]})
    watch("tools", [{"messages": [ToolMessage("done", tool_call_id="1")]}, {"failures": 0}])  # type: ignore[arg-type]
    watch("tools", {"messages": [ToolMessage("no", tool_call_id="1", status="error")]})
    watch("planner", {"messages": [AIMessage("Enough."), HumanMessage("Again.")]})
    watch("judge", {})
    assert written.getvalue().splitlines() == [
        "> train_retriever(arm=baseline): Because [red]so[/red][2J.",
        "    done",
        "  x no",
        "> Enough.",
        "  x Again.",
        "= round 1 kept",
    ]


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    seldom, nothing = _screen(every_seconds=60)
    often, lines = _screen()
    with seldom, often:
        for done in range(3):
            seldom.progress("reading", done, 2)
            often.progress("reading", done, 2)
    assert nothing.getvalue() == ""
    assert lines.getvalue().splitlines() == ["  reading 0/2", "  reading 1/2", "  reading 2/2"]


def test_on_a_terminal_there_are_bars_that_go_away() -> None:
    written = io.StringIO()
    screen = Screen(Console(file=written, width=80, force_terminal=True))
    with screen:
        screen.progress("reading", 0, 2)
        screen.progress("reading", 2, 2)
        screen.progress("instant", 1, 1)
        with screen.paused():
            screen.line("a question")
    assert "a question" in written.getvalue()


def test_ctrl_c_ends_work_in_any_thread_at_its_next_sign() -> None:
    screen, _ = _screen()
    screen.stop.request()
    with pytest.raises(Stopped):
        screen.progress("training", 1, 2)
