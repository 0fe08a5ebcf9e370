"""What code enforces whatever a planner asks for: the order of steps, approval, the incumbent, regimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Budget, Goal, Price
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_arms, read_round
from atlantis_core.run.session import Session
from atlantis_core.run.verdicts import list_screened
from atlantis_core.workflows.test import run_final_test
from atlantis_dml.graph.nodes import judge
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


def test_every_arm_needs_the_baseline_and_that_is_trained_once(begin: Begin, chat: Any, call: Any) -> None:
    context = begin(budget=Budget(images=12, rounds=1))
    planner, model = chat(
        context,
        call("train_retriever", arm="incumbent"),
        call("train_retriever", arm="candidate"),
        call("train_retriever", arm="baseline"),
        call("train_retriever", arm="baseline"),
        AIMessage("Enough."),
        AIMessage("Enough."),
    )
    advance(replace(context, planner=planner))
    answers = [request[-2].text for request in model.requests[1:5]]
    for answer, telling in zip(
        answers, ["baseline first", "baseline first", "0 synthetic", "never changes"], strict=True
    ):
        assert telling in answer


def test_an_approval_is_for_one_protocol_as_it_was_shown_and_for_one_making(
    begin: Begin, chat: Any, call: Any, journal: Any
) -> None:
    context = begin(auto=False, budget=Budget(images=12, rounds=1))
    start = [call("train_retriever", arm="baseline"), call("find_gaps"), call("draft_protocol", max_images=4)]
    planner, _ = chat(
        context,
        *start,
        call("generate_images"),
        call("write_prompts"),  # other words than those that were approved
        call("generate_images"),
        call("generate_images"),
    )
    waiting = advance(replace(context, planner=planner))
    assert waiting.status == "waiting"
    protocol = dict(waiting.question or {})["protocol"]
    mine = {**protocol, "cells": [{**protocol["cells"][0], "count": 2, "prompts": ["in my own words"]}]}
    again = advance(replace(context, planner=planner), {"decision": "edit", "protocol": mine})
    assert again.status == "waiting", "the changed words wait for a person"
    ledger, run_id = context.session.workspace.ledger, context.session.run_id
    assert ledger.spent(run_id)["images"] == 2
    approved = advance(replace(context, planner=planner), {"decision": "approve"})
    assert approved.status == "waiting", "one approval, one making"
    advance(replace(context, planner=planner), {"decision": "stop"})
    assert ledger.spent(run_id)["images"] == 4
    assert journal(context)[0]["end"]["stop_reason"] == "person"


def test_a_protocol_that_changes_after_its_approval_is_not_spent_on(begin: Begin, chat: Any, call: Any) -> None:
    context = begin(budget=Budget(images=12, rounds=1))
    session = context.session
    planner, model = chat(
        context,
        call("train_retriever", arm="baseline"),
        call("find_gaps"),
        call("draft_protocol", max_images=4),
        call("generate_images"),
        call("generate_images"),  # asks anew
        *[AIMessage("Enough.")] * 2,
    )
    changed: list[str] = []

    def change(node: str, update: Mapping[str, Any]) -> None:
        protocol = session.read(1, JournalKind.PROTOCOL)
        if node == "approve" and protocol is not None and not changed:
            changed.append(node)
            assert session.workspace.ledger.spent(session.run_id)["images"] == 0
            session.write(1, JournalKind.PROTOCOL, replace(protocol, objective="what nobody saw"))

    advance(replace(context, planner=planner), watch=change)
    assert model.requests[4][-2].text == "this protocol was not approved; ask for its approval"
    assert "4 images made" in model.requests[5][-2].text, "approved as it is now"
    assert session.workspace.ledger.spent(session.run_id)["images"] == 4


def test_a_protocol_that_changes_while_a_person_decides_is_shown_again(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    said: list[str] = []
    session = context.session
    session.say = said.append
    assert advance(context).status == "waiting"
    shown = session.read(1, JournalKind.PROTOCOL)
    assert shown is not None
    changed = replace(shown, objective="what nobody saw")
    session.write(1, JournalKind.PROTOCOL, changed)
    again = advance(context, {"decision": "approve"})
    assert said[-1] == "the protocol of round 1 has changed since it was shown: nothing was approved"
    assert (again.status, dict(again.question or {})["protocol"]["objective"]) == ("waiting", "what nobody saw")
    assert session.workspace.ledger.spent(session.run_id)["images"] == 0
    assert advance(context, {"decision": "approve"}).status == "done"
    assert session.workspace.ledger.spent(session.run_id)["images"] == 8


def test_an_edit_that_was_killed_before_its_step_was_saved_counts_once_it_is_resumed(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    session = context.session
    advance(context)
    shown = session.read(1, JournalKind.PROTOCOL)
    assert shown is not None
    edited = replace(shown, cells=(replace(shown.cells[0], count=3),))
    session.write(1, JournalKind.PROTOCOL, edited)  # what the killed step wrote
    assert advance(context, {"decision": "edit", "protocol": as_json(edited)}).status == "done"
    assert session.workspace.ledger.spent(session.run_id)["images"] == 3


def test_a_judgement_that_was_killed_before_its_step_was_saved_comes_out_the_same(begin: Begin) -> None:
    context = begin(budget=Budget(images=8, rounds=1))
    session = context.session
    advance(context)
    arms, decision = read_arms(session, 1), session.read(1, JournalKind.DECISION)
    assert decision is not None
    session.write(1, JournalKind.DECISION, replace(decision, kept=True))
    state: Any = {"round": 1, "steps": ["find_gaps", "dataset_statistics"], "messages": []}
    results = [(judge(state, Runtime(context=context)), read_arms(session, 1)) for _ in range(2)]
    assert results[0] == results[1]
    update, after = results[0]
    assert update["steps"] == ["dataset_statistics"]
    assert after == arms | {"incumbent": arms["candidate"]}
    assert read_arms(session, 2) == {name: after[name] for name in ("baseline", "incumbent", "diagnosing")}


def test_images_of_a_draft_that_was_replaced_never_train(begin: Begin, chat: Any, call: Any, journal: Any) -> None:
    context = begin(budget=Budget(images=12, rounds=1))
    planner, model = chat(
        context,
        call("train_retriever", arm="baseline"),
        call("find_gaps"),
        call("draft_protocol", max_images=6),
        call("generate_images"),
        call("score_outliers"),
        call("train_retriever", arm="candidate"),
        call("draft_protocol", max_images=6),
        call("evaluate_retrieval", arm="candidate"),  # it was trained on the first draft's images
        call("write_prompts"),
        call("generate_images"),
        call("score_outliers"),
        *[AIMessage("Enough.")] * 2,
    )
    advance(replace(context, planner=planner))
    assert "not been trained" in model.requests[8][-2].text
    asked = set(journal(context)[1]["candidates"])
    kept = [one.candidate for one in list_screened(context.session, read_round(context.session, 1)) if one.is_kept]
    assert kept
    assert {candidate.key for candidate in kept} <= asked


def test_the_seal_stays_closed_while_somebody_can_still_choose(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    assert advance(context).status == "waiting"
    with pytest.raises(SetupError, match="is not done"):
        run_final_test(context.session)
    assert context.session.read(0, JournalKind.SEAL_OPENING) is None


def test_an_error_nobody_foresaw_leaves_a_run_that_is_marked_failed(begin: Begin, chat: Any) -> None:
    context = begin()
    planner, _ = chat(context, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        advance(replace(context, planner=planner))
    assert context.session.workspace.runs.get(context.session.run_id).status == "failed"
    assert advance(context).status == "done"


@pytest.mark.parametrize("answer", [TypeError("null value for 'choices'"), IndexError("list index out of range")])
def test_a_provider_that_answers_nonsense_pauses_the_run(begin: Begin, chat: Any, answer: Exception) -> None:
    context = begin()
    planner, _ = chat(context, answer)
    outcome = advance(replace(context, planner=planner))
    assert (outcome.status, "no chat completion" in outcome.problem) == ("paused", True)


def test_a_budget_below_the_rounds_is_spent_all_the_same(begin: Begin) -> None:
    context = begin(budget=Budget(images=1, rounds=2))
    advance(context)
    assert context.session.workspace.ledger.spent(context.session.run_id)["images"] == 1


def test_unseen_classes_are_mended_through_the_training_classes(
    begin: Begin, tiny_world: LoadedCollection, journal: Any
) -> None:
    """Zero-shot: validation shows other classes, so a gap is a facet value, and no validation class is targeted."""
    classes = sorted(tiny_world.collection.classes)
    trained = set(classes[::2])
    images = [
        image
        for image in tiny_world.collection.images
        if (image.label in trained) is (image.split == "train")
        and not (image.split == "train" and image.facets["condition"] == "night" and image.id > "2")
    ]
    collection = replace(tiny_world.collection, images=tuple(images))
    given = begin(budget=Budget(images=8, rounds=1), regime="unseen")
    first = given.session
    spec = replace(
        first.spec, collection_id=first.workspace.collections.add(replace(tiny_world, collection=collection))
    )
    session = Session(first.workspace, first.workspace.runs.create(spec).id, spec)
    context = replace(given, session=session)
    assert advance(context).status == "done"
    rounds = journal(context)
    if not rounds[1]["gaps"]:
        pytest.skip("this world shows no gap")
    assert {cell["cell"]["class_name"] for cell in rounds[1]["protocol"]["cells"]} <= trained
    assert rounds[1]["candidates"]
    assert 0 < rounds[1]["decision"]["targeted"]["queries"] < rounds[1]["decision"]["overall"]["queries"]


def test_the_planner_stops_when_its_dollars_are_spent(begin: Begin, chat: Any, call: Any, journal: Any) -> None:
    """An answer is 10 tokens, 0.0002 dollars; the third could no longer be 256 tokens long within the budget."""
    context = begin(budget=Budget(usd=0.0055, rounds=1), prices={"openai:scripted": Price(0.0, 20.0)})
    planner, model = chat(context, *[call("recall_trials")] * 9)
    assert advance(replace(context, planner=planner)).status == "done"
    assert journal(context)[0]["end"]["stop_reason"] == "budget_spent"
    assert len(model.requests) == 2
    assert context.session.workspace.ledger.spent(context.session.run_id)["usd"] == pytest.approx(0.0004)


def test_a_goal_is_read_again_once_captions_give_facets(begin: Begin, tiny_world: LoadedCollection) -> None:
    bare = tuple(replace(image, facets={}) for image in tiny_world.collection.images)
    collection = replace(tiny_world.collection, images=bare, facets=())
    first = begin(goal=Goal("dark photos are not found")).session
    spec = replace(
        first.spec, collection_id=first.workspace.collections.add(replace(tiny_world, collection=collection))
    )
    session = Session(first.workspace, first.run_id, spec)
    assert session.goal.cells == ()
    session.caption()
    assert {(cell.facet, cell.value) for cell in session.goal.cells} == {("light", "dark")}
