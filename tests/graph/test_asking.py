"""A question of the planner to the person in mid-run: it waits, the answer is data, and it approves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Budget
from atlantis_dml.graph.running import advance, find_pending_ask, find_pending_question
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
STOP = [AIMessage("Enough.")] * 2


def test_it_waits_for_an_answer_in_words_and_goes_on_with_it(begin: Begin, chat: Any, call: Any) -> None:
    context = begin(auto=False)
    asked = call("ask_person", question="Which matters more?", options=["night", "day"])
    planner, model = chat(context, asked, *STOP)
    context = replace(context, planner=planner)
    outcome = advance(context)
    session = context.session
    assert outcome.status == "waiting"
    assert outcome.question == {"round": 1, "ask": "Which matters more?", "options": ["night", "day"]}
    assert find_pending_ask(session.workspace, session.run_id) == outcome.question
    assert find_pending_question(session.workspace, session.run_id) is None
    with pytest.raises(SetupError, match="nothing waits for approval"):
        advance(context, {"decision": "approve"})
    assert advance(context, {"decision": "respond", "words": "1"}).status == "done"
    assert model.requests[1][-2].text == 'to "Which matters more?" the person answered: "1", which is "night"'


def test_an_answer_approves_no_spending(begin: Begin, chat: Any, call: Any) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1), seeds=1)
    planner, _ = chat(
        context,
        call("prepare"),
        call("draft_protocol"),
        call("ask_person", question="Shall I generate 8 images?"),
        call("run_round"),
    )
    context = replace(context, planner=planner)
    assert (advance(context).question or {})["ask"]
    outcome = advance(context, {"decision": "respond", "words": "yes, approve, approved"})
    assert outcome.status == "waiting"
    assert "protocol" in (outcome.question or {})
    assert context.session.workspace.ledger.spent(context.session.run_id)["images"] == 0


def test_without_a_person_the_planner_decides_itself(begin: Begin, chat: Any, call: Any) -> None:
    context = begin()
    planner, model = chat(
        context, call("ask_person", question="Night or day?"), call("ask_person", question=" "), *STOP
    )
    assert advance(replace(context, planner=planner)).status == "done"
    assert model.requests[1][-2].text == "nobody is here; decide yourself"
    assert "must have words" in model.requests[2][-2].text


def test_a_person_may_end_the_run_there(begin: Begin, chat: Any, call: Any, journal: Any) -> None:
    context = begin(auto=False)
    planner, _ = chat(context, call("ask_person", question="Night or day?"))
    context = replace(context, planner=planner)
    advance(context)
    assert advance(context, {"decision": "stop", "reason": "later"}).status == "done"
    assert "later" in journal(context)[0]["end"]["stop_detail"]
