"""A person's stop pauses a run between steps and inside a tool; it goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atlantis_dml.agents.rules.planner import RulePlanner
from atlantis_dml.graph.running import STOPPED, advance, find_pending_question
from atlantis_dml.tools.context import RunContext

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime


@pytest.mark.slow
def test_a_stop_between_steps_pauses_and_a_stop_in_a_tool_too(begin: Callable[..., RunContext]) -> None:
    context = begin(auto=False, seeds=1)
    session = context.session
    outcome = advance(context, RulePlanner(), stopping=lambda: True)
    assert (outcome.status, outcome.problem) == ("paused", STOPPED)
    assert session.workspace.runs.get(session.run_id).status == "paused"
    assert find_pending_question(session.workspace, session.run_id) is None

    pressed: list[bool] = []

    def press(what: str, done: int, total: int) -> None:
        pressed.append(True)
        raise KeyboardInterrupt

    session.progress = press
    assert advance(context, RulePlanner(), stopping=lambda: bool(pressed)).problem == STOPPED

    session.progress = lambda what, done, total: None
    outcome = advance(context, RulePlanner(), stopping=lambda: False)
    assert outcome.status == "waiting"
    assert find_pending_question(session.workspace, session.run_id) == outcome.question


def test_an_interrupt_that_nobody_asked_for_flies_on(begin: Callable[..., RunContext]) -> None:
    context = begin(seeds=1)

    def press(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    context.session.progress = press
    with pytest.raises(KeyboardInterrupt):
        advance(context, RulePlanner(), stopping=lambda: False)
