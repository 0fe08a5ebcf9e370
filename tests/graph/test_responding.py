"""A person who does not approve: the round is drafted again and asked again, until they end the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from atlantis_core.base.serialization import as_json
from atlantis_core.records import Budget, Cell, Goal
from atlantis_core.run.approval import read_recorded_answer
from atlantis_core.run.responses import MANY_REJECTIONS, read_responses
from atlantis_dml.agents.client.recording import collect_approvals
from atlantis_dml.graph.responding import REJECTED_BEFORE
from atlantis_dml.graph.running import Outcome, advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


def _cells(outcome: Outcome) -> set[tuple[str, str]]:
    assert outcome.status == "waiting"
    assert outcome.question
    return {(one["cell"]["class_name"], one["cell"]["value"]) for one in outcome.question["protocol"]["cells"]}


def _images_made(context: RunContext) -> float:
    return context.session.workspace.ledger.spent(context.session.run_id)["images"]


def test_words_go_back_to_the_drafter_and_the_run_asks_again(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    first = advance(context)
    name = min(_cells(first))[0]
    words = f"only {name}, and at most 3 images"
    again = advance(context, {"decision": "respond", "words": words})
    assert {cell[0] for cell in _cells(again)} == {name}
    question = again.question or {}
    assert question["images"] == 3
    before = (first.question or {})["protocol"]
    assert question["responses"] == [{"decision": "respond", "protocol": before, "words": words}]
    assert f"only {name}" in question["protocol"]["reason"]
    assert _images_made(context) == 0, "words approve nothing"
    assert advance(context, {"decision": "approve"}).status == "done"
    assert _images_made(context) == 3


def test_words_that_the_rules_cannot_read_are_said_to_be_so_and_asked_about_again(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    first = advance(context)
    again = advance(context, {"decision": "respond", "words": "可以更自然一些吗"})
    assert _cells(again) == _cells(first)
    assert "not understood: the rules read English" in (again.question or {})["protocol"]["reason"]


def test_words_can_be_taken_back_and_hold_for_later_rounds(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=24, rounds=2))
    first = advance(context)
    values = sorted({value for _, value in _cells(first)})
    without = advance(context, {"decision": "respond", "words": f"without {values[0]}, and 5 images"})
    assert values[0] not in {value for _, value in _cells(without)}
    back = advance(context, {"decision": "respond", "words": "take that back"})
    assert (_cells(back), (back.question or {})["images"]) == (_cells(first), (first.question or {})["images"])
    advance(context, {"decision": "respond", "words": f"without {values[0]}, and 5 images"})
    later = advance(context, {"decision": "approve"})
    assert values[0] not in {value for _, value in _cells(later)}
    question = later.question or {}
    assert "as asked in an earlier round: without" in question["protocol"]["reason"]
    assert question["images"] > 5, "a number of images was for its round"
    again = advance(context, {"decision": "respond", "words": f"{values[0]} again, please"})
    assert "without" not in (again.question or {})["protocol"]["reason"]


@pytest.mark.parametrize(
    "words", ["ohne {name}, nur 1 Bild", "{name} looks fine", "prompts in 3 words please", "-3 images"]
)
def test_words_that_only_mention_a_name_or_a_number_change_nothing(begin: Begin, words: str) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    first = advance(context)
    name = (first.question or {})["protocol"]["cells"][0]["cell"]["class_name"]
    again = advance(context, {"decision": "respond", "words": words.format(name=name)})
    assert _cells(again) == _cells(first)
    assert "not understood" in (again.question or {})["protocol"]["reason"]
    assert _images_made(context) == 0


def test_after_a_rejection_the_run_drafts_other_cells_and_three_in_a_row_ask_whether_to_end_it(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=4, rounds=1))
    outcome, seen = advance(context), []
    for count in range(MANY_REJECTIONS):
        assert (outcome.question or {})["rejections"] == count
        assert not _cells(outcome) & set().union(*seen), "what was rejected is not drafted again"
        seen.append(_cells(outcome))
        outcome = advance(context, {"decision": "reject", "reason": "not these"})
    assert outcome.status == "waiting"
    assert (outcome.question or {})["rejections"] == MANY_REJECTIONS
    assert [one.decision for one in read_responses(context.session, 1)] == ["reject"] * MANY_REJECTIONS
    assert _images_made(context) == 0
    assert advance(context, {"decision": "stop", "reason": "enough"}).status == "done"
    run = context.session.workspace.runs.get(context.session.run_id)
    assert run.stop_reason == "person"


def test_when_every_cell_was_rejected_the_run_ends_and_says_so(begin: Begin) -> None:
    goal = Goal("night", (Cell("", "condition", "night"),))
    context = begin(auto=False, budget=Budget(images=200, rounds=1), goal=goal)
    outcome = advance(context)
    for _ in range(10):
        if outcome.status == "done":
            break
        outcome = advance(context, {"decision": "reject"})
    assert outcome.status == "done"
    tree = context.session.workspace.events.tree(context.session.run_id)
    assert "no cell is left that was not rejected" in str(tree)
    assert _images_made(context) == 0


def test_a_planner_that_asks_for_a_rejected_protocol_again_is_told_to_draft_another(
    begin: Begin, chat: Any, call: Any
) -> None:
    context = begin(auto=False, budget=Budget(images=4, rounds=1))
    before = [
        call("dataset_statistics"),
        call("train_retriever", arm="baseline"),
        call("evaluate_retrieval", arm="baseline"),
        call("find_gaps"),
        call("draft_protocol"),
        call("write_prompts"),
    ]
    again = (call("generate_images"), call("draft_protocol"), call("write_prompts"), call("generate_images"))
    planner, model = chat(context, *before, call("generate_images"), *again)
    context = replace(context, planner=planner)
    first = advance(context)
    second = advance(context, {"decision": "reject", "reason": 'too dark, says "Ann"'})
    assert not _cells(first) & _cells(second)
    assert 'Their reason: "too dark, says \\"Ann\\""' in str(model.requests[7][-2].content)
    assert REJECTED_BEFORE in str(model.requests[8][-2].content)
    assert _images_made(context) == 0


def test_a_rejection_that_ended_an_older_run_still_ends_it_in_a_replay(begin: Begin) -> None:
    assert read_recorded_answer({"decision": "reject", "reason": "no"}) == {"decision": "stop", "reason": "no"}
    context = begin(auto=False, budget=Budget(images=4, rounds=1))
    advance(context)
    advance(context, {"decision": "reject", "reason": "no"})
    recorded = collect_approvals(context.session.workspace, context.session.run_id)
    assert as_json(recorded) == [{"decision": "reject", "reason": "no", "then": "draft"}]
