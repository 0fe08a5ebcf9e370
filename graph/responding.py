"""What an approval that was not given does: the round is drafted again, or the run ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.messages import ToolMessage

from atlantis_core.base.text import clean_text
from atlantis_core.run.responses import LONGEST_WORDS, add_response, describe_drafted
from atlantis_dml.graph.tool_calls import cancel_calls, list_open_calls
from atlantis_dml.tools.draft_protocol import REDRAFTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.records import Protocol
    from atlantis_core.run.session import Session
    from atlantis_dml.graph.state import State

REJECTED_BEFORE = "a person rejected this protocol; draft another one before images are generated"


def turn_down(state: State, session: Session, protocol: Protocol, decision: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a rejection or a response, and hand it to the planner: the round is drafted again."""
    kind = decision["decision"]
    words = clean_text(str(decision.get("reason" if kind == "reject" else "words") or ""), LONGEST_WORDS)
    add_response(session, state["round"], protocol, kind, words)
    what = describe_drafted(protocol)
    if kind == "reject":
        text = f"a person rejected the protocol ({what}), and the run goes on: draft another one. Their reason: "
    else:
        text = f"a person answered to the protocol ({what}): draft it again to fit. Their words: "
    return draft_again(state, session, text + (json.dumps(words, ensure_ascii=False) if words else "none given"))


def draft_again(state: State, session: Session, text: str, failures: int = 0) -> dict[str, Any]:
    """Answer the call that waits for approval, and make the steps of the draft undone."""
    call, *others = list_open_calls(state)
    answer = ToolMessage(text, tool_call_id=call["id"], name=call["name"])
    left = cancel_calls(others, session, state["planner_event"], "the protocol was not approved")
    steps = [step for step in state["steps"] if step not in REDRAFTED]
    undone = {"approved": "", "protocol": "", "steps": steps, "chain": {}}
    return {"messages": [answer, *left], "failures": failures} | undone


def end_by_person(state: State, session: Session, reason: str) -> dict[str, Any]:
    """End the run as the person said at an approval."""
    call, *others = list_open_calls(state)
    why = f"a person ended the run at a protocol: {reason or 'no reason given'}"
    refusal = ToolMessage(why, tool_call_id=call["id"], name=call["name"], status="error")
    left = cancel_calls(others, session, state["planner_event"], why)
    ended = {"approved": "", "chain": {}, "stop_reason": "person", "stop_detail": why}
    return {"messages": [refusal, *left]} | ended
