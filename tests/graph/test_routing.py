"""Where the graph goes next."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from atlantis_core.base.serialization import as_json
from atlantis_core.records import Protocol
from atlantis_core.run.approval import hash_protocol
from atlantis_dml.graph import routing

DRAFT = Protocol("p", 1, "edit", (), "tugs", "few", "margin", 1.0, 0.1)
OLD = as_json(DRAFT)
"""What checkpoints of the first versions hold in place of a protocol's hash."""


def call(name: str) -> AIMessage:
    return AIMessage("because", tool_calls=[{"name": name, "args": {}, "id": "1"}])


def state(message: Any, **more: Any) -> Any:
    return {
        "messages": [message],
        "approved": "",
        "protocol": "",
        "steps": [],
        "survivors": -1,
        "stop_reason": "",
        **more,
    }


@pytest.mark.parametrize(
    ("given", "goes"),
    [
        (state(call("find_gaps")), "tools"),
        (state(call("generate_images"), protocol="p"), "approve"),
        (state(call("generate_images"), protocol="p", approved="p"), "tools"),
        (state(call("generate_images"), protocol="q", approved="p"), "approve"),
        (state(call("generate_images"), protocol=""), "tools"),
        (state(call("generate_images"), protocol=OLD, approved=hash_protocol(DRAFT)), "tools"),
        (state(call("generate_images"), protocol=OLD, approved=""), "approve"),
        (state(call("generate_images"), protocol=None), "tools"),
        (state(HumanMessage("again")), "planner"),
        (state(AIMessage("enough"), stop_reason="planner"), "report"),
    ],
)
def test_after_planner(given: Any, goes: str) -> None:
    assert routing.after_planner(given) == goes


def test_only_a_measured_candidate_is_judged() -> None:
    done = ToolMessage("R@1 .5", tool_call_id="1")
    failed = ToolMessage("no", tool_call_id="1", status="error")
    measured = ["evaluate_retrieval:candidate"]
    assert routing.after_tools(state(done, steps=measured)) == "judge"
    assert routing.after_tools(state(failed, steps=measured)) == "planner"
    assert routing.after_tools(state(done, steps=["evaluate_retrieval:baseline"])) == "planner"
    assert routing.after_tools(state(done, steps=["score_outliers"], survivors=0)) == "judge"
    assert routing.after_tools(state(done, steps=["score_outliers"], survivors=3)) == "planner"
    assert routing.after_tools(state(done, steps=measured, stop_reason="failures")) == "report"


@pytest.mark.parametrize(("reason", "goes"), [("", "tools"), ("person", "report")])
def test_after_approve(reason: str, goes: str) -> None:
    assert routing.after_approve(state(call("generate_images"), stop_reason=reason)) == goes


@pytest.mark.parametrize(
    ("round_index", "not_kept", "reached", "code"),
    [(1, 0, False, ""), (1, 0, True, "goal_reached"), (2, 2, False, "plateau"), (3, 1, False, "budget_spent")],
)
def test_stopping(round_index: int, not_kept: int, reached: bool, code: str) -> None:
    given: Any = {"round": round_index, "not_kept": not_kept}
    assert routing.find_stop_reason(given, 3, reached)[0] == code
