"""A person's stop pauses a run between steps and inside a tool; it goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from atlantis_dml.graph.running import STOPPED, advance, find_pending_question
from atlantis_dml.tools.context import RunContext

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime


@pytest.mark.slow
def test_a_stop_between_steps_pauses_and_a_stop_in_a_tool_too(begin: Callable[..., RunContext]) -> None:
    context = begin(auto=False, seeds=1)
    session, stop = context.session, context.stop
    stop.request()
    outcome = advance(context)
    assert (outcome.status, outcome.problem) == ("paused", STOPPED)
    assert session.workspace.runs.get(session.run_id).status == "paused"
    assert find_pending_question(session.workspace, session.run_id) is None

    stop.clear()
    seen: list[str] = []

    def press(node: str, update: Mapping[str, Any]) -> None:
        seen.append(node)
        if node == "progress":
            stop.request()

    assert advance(context, watch=press).problem == STOPPED
    assert seen[-1] == "progress", "the tool did not get to its end"

    stop.clear()
    outcome = advance(context)
    assert outcome.status == "waiting"
    assert find_pending_question(session.workspace, session.run_id) == outcome.question


def test_an_interrupt_that_nobody_asked_for_is_not_swallowed(begin: Callable[..., RunContext]) -> None:
    def press(node: str, update: Mapping[str, Any]) -> None:
        raise KeyboardInterrupt

    context = begin(seeds=1)
    with pytest.raises(KeyboardInterrupt):
        advance(context, watch=press)
    context.stop.clear()
    assert advance(context).status == "done", "it goes on from what was saved"
