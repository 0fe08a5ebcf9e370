"""Where the graph goes next."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.runtime import Runtime

from atlantis_core.base.serialization import as_json
from atlantis_core.records import Candidate, Cell, Comparison, Decision, Protocol, Verdict
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import JudgedRound
from atlantis_dml.graph import routing

DRAFT = Protocol("p", 1, "edit", (), "tugs", "few", "margin", 1.0, 0.1)
OLD = {name: value for name, value in as_json(DRAFT).items() if name not in {"remedy", "reused"}}
"""What checkpoints of the first versions hold in place of a protocol's hash."""


def call(name: str) -> AIMessage:
    return AIMessage("because", tool_calls=[{"name": name, "args": {}, "id": "1"}])


def state(message: Any, **more: Any) -> Any:
    return {
        "messages": [message],
        "round": 1,
        "approved": "",
        "protocol": "",
        "steps": [],
        "stop_reason": "",
        **more,
    }


@pytest.mark.parametrize(
    ("drafted", "given", "goes"),
    [
        (DRAFT, state(call("find_gaps")), "tools"),
        (DRAFT, state(call("generate_images")), "approve"),
        (DRAFT, state(call("generate_images"), approved=hash_protocol(DRAFT)), "tools"),
        (DRAFT, state(call("generate_images"), approved="another"), "approve"),
        (None, state(call("generate_images")), "tools"),
        (DRAFT, state(HumanMessage("again")), "planner"),
        (DRAFT, state(AIMessage("enough"), stop_reason="planner"), "report"),
    ],
)
def test_after_planner(drafted: Protocol | None, given: Any, goes: str, begin: Any) -> None:
    context = begin()
    if drafted is not None:
        context.session.write(1, JournalKind.PROTOCOL, drafted)
    assert routing.after_planner(given, Runtime(context=context)) == goes


@pytest.mark.parametrize(
    ("protocol", "shown"), [(hash_protocol(DRAFT),) * 2, (OLD, hash_protocol(DRAFT)), ("", ""), (None, "")]
)
def test_what_was_shown_is_read_from_checkpoints_of_every_version(protocol: Any, shown: str) -> None:
    assert routing.shown_protocol(state(call("generate_images"), protocol=protocol)) == shown


def test_only_a_measured_candidate_is_judged(begin: Any) -> None:
    done = ToolMessage("R@1 .5", tool_call_id="1")
    failed = ToolMessage("no", tool_call_id="1", status="error")
    measured = ["evaluate_retrieval:candidate"]
    runtime: Any = Runtime(context=begin())
    assert routing.after_tools(state(done, steps=measured), runtime) == "judge"
    assert routing.after_tools(state(failed, steps=measured), runtime) == "planner"
    assert routing.after_tools(state(done, steps=["evaluate_retrieval:baseline"]), runtime) == "planner"
    assert routing.after_tools(state(done, steps=measured, stop_reason="failures"), runtime) == "report"


@pytest.mark.parametrize(
    ("kept", "by_hand", "goes"),
    [(False, {}, "judge"), (True, {}, "planner"), (False, {"key": True}, "planner"), (True, {"key": False}, "judge")],
)
def test_a_round_without_images_is_judged_at_once(
    kept: bool, by_hand: dict[str, bool], goes: str, begin: Any
) -> None:
    context = begin()
    session, store = context.session, context.session.workspace.candidates
    store.add(Candidate("key", "p.png", "", Cell("tug", "light", "dark"), "", "", "g/1", {}, 7, "p", 1, 0.1))
    store.judge(session.run_id, 1, [Verdict("key", kept, "margin", 0.5, "far off")])
    store.overrule(session.run_id, 1, by_hand)
    session.write(1, JournalKind.CANDIDATES, ("key",))
    screened = state(ToolMessage("done", tool_call_id="1"), steps=["score_outliers"], round=1)
    assert routing.after_tools(screened, Runtime(context=context)) == goes


@pytest.mark.parametrize(
    ("given", "goes"),
    [
        ({"protocol": "p", "approved": "p"}, "tools"),
        ({"protocol": "p", "approved": ""}, "approve"),
        ({"stop_reason": "person"}, "report"),
    ],
)
def test_after_approve(given: dict[str, str], goes: str) -> None:
    assert routing.after_approve(state(call("generate_images"), **given)) == goes


@pytest.mark.parametrize(
    ("kept", "reached", "code"),
    [
        ([True], False, ""),
        ([False], False, ""),
        ([True], True, "goal_reached"),
        ([False, False], False, "plateau"),
        ([True, False], False, ""),
        ([False, True, False], False, "budget_spent"),
    ],
)
def test_stopping(kept: list[bool], reached: bool, code: str) -> None:
    nothing = Comparison(0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 20, 2)
    judged = [
        JudgedRound(index=index, protocol=DRAFT, decision=Decision(each, "", nothing, nothing, nothing))
        for index, each in enumerate(kept, start=1)
    ]
    assert routing.find_stop_reason(judged, 3, reached)[0] == code
