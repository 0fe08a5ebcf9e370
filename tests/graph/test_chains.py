"""Chains: `prepare` and `run_round` take the usual steps in one call of the planner, up to what has to be decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from atlantis_core.records import Budget
from atlantis_core.run.round import read_judged_rounds, read_round
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.planner import ChatPlanner
from atlantis_dml.graph.running import STOPPED, advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
Chat = Callable[..., tuple[ChatPlanner, ScriptedChatModel]]
Call = Callable[..., AIMessage]

PREPARATION = ["dataset_statistics", "train_retriever", "evaluate_retrieval", "find_gaps"]
ROUND = ["write_prompts", "generate_images", "score_outliers", "train_retriever", "evaluate_retrieval"]
STOP = [AIMessage("Enough.")] * 2


def done_tools(context: RunContext) -> list[str]:
    """Return the tools that a run has done, in the order of the trace."""
    tree = context.session.workspace.events.tree(context.session.run_id)
    below = (child for node in tree for child in node["children"])
    return [child["name"] for child in below if (child["kind"], child["status"]) == ("tool", "done")]


def result(model: ScriptedChatModel, request: int) -> str:
    """Return the newest result in a prompt."""
    return model.requests[request][-2].text


def test_a_round_takes_three_calls_and_the_trace_has_every_step(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(budget=Budget(images=12, rounds=2))
    planner, model = chat(
        context, call("prepare"), call("draft_protocol"), call("run_round"), call("recall_trials"), *STOP
    )
    advance(replace(context, planner=planner))
    assert done_tools(context) == [
        *PREPARATION,
        "prepare",
        "draft_protocol",
        *ROUND,
        "run_round",
        "recall_trials",
    ]
    prepared, judged = result(model, 1), result(model, 3)
    for words in ("train and", "baseline: R@1", "gaps, by value and cause"):
        assert words in prepared
    for words in ("6 images made", "candidate: R@1", "judge: rolled back"):
        assert words in judged
    assert len(read_judged_rounds(context.session)) == 1


def test_a_round_waits_for_approval_and_goes_on_without_doing_a_step_twice(
    begin: Begin, chat: Chat, call: Call
) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    planner, model = chat(context, call("prepare"), call("draft_protocol"), call("run_round"))
    context = replace(context, planner=planner)
    outcome = advance(context)
    assert (outcome.status, outcome.question and outcome.question["images"]) == ("waiting", 8)
    assert done_tools(context)[-1] == "write_prompts"
    assert context.session.workspace.ledger.spent(context.session.run_id)["images"] == 0
    assert advance(context, {"decision": "approve"}).status == "done"
    assert done_tools(context) == [*PREPARATION, "prepare", "draft_protocol", *ROUND, "run_round"]
    assert len(model.requests) == 3


@pytest.mark.slow
def test_a_killed_chain_is_taken_up_where_it_was(begin: Begin, chat: Chat, call: Call) -> None:
    """It is stopped between its steps, again and again: the graph saves each before the next begins."""
    context = begin(budget=Budget(images=8, rounds=1))
    planner, _ = chat(context, call("prepare"), call("draft_protocol"), call("run_round"))
    context = replace(context, planner=planner)

    def press(node: str, update: Mapping[str, Any]) -> None:
        del update
        if node == "tools":
            context.stop.request()

    stops = 0
    while (outcome := advance(context, watch=press)).status == "paused":
        assert outcome.problem == STOPPED
        context.stop.clear()
        stops += 1
    assert stops > 1
    assert done_tools(context) == [*PREPARATION, "prepare", "draft_protocol", *ROUND, "run_round"]


def test_a_step_that_fails_ends_the_chain_with_its_error(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin()
    planner, model = chat(context, call("run_round"), call("run_round", pilot="perhaps"), *STOP)
    advance(replace(context, planner=planner))
    assert result(model, 1) == "write_prompts: there is no protocol yet; draft one first"
    assert "argument 'pilot' is not valid" in result(model, 2)
    assert done_tools(context) == []


def test_a_person_who_rejects_ends_it(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    planner, _ = chat(context, call("prepare"), call("draft_protocol"), call("run_round"), *STOP)
    context = replace(context, planner=planner)
    advance(context)
    advance(context, {"decision": "reject", "reason": "no"})
    assert "generate_images" not in done_tools(context)
    assert context.session.workspace.ledger.spent(context.session.run_id)["images"] == 0


def test_without_a_remedy_that_promises_a_gain_the_planner_decides(begin: Begin, chat: Chat, call: Call) -> None:
    """The rules end such a run; a model may name a remedy, draft again or stop."""
    context = begin(budget=Budget(images=8, rounds=1), remedies=("serve",), seeds=1)
    planner, model = chat(
        context,
        call("prepare"),
        call("draft_protocol"),
        call("run_round"),
        call("run_round"),
        call("run_round", choose="serve:csls"),
    )
    assert advance(replace(context, planner=planner)).status == "done"
    assert "Stopped here: no remedy promises a gain" in result(model, 3)
    assert "name one with choose" in result(model, 4)
    found = read_round(context.session, 1)
    assert found.protocol is not None
    assert found.protocol.remedy == "serve:csls"
    assert found.decision is not None
    assert done_tools(context).count("write_prompts") == 1


def test_pilots_can_be_left_out(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(budget=Budget(images=8, rounds=1), remedies=("generate", "serve"), seeds=1)
    planner, _ = chat(context, call("prepare"), call("draft_protocol"), call("run_round", pilot=False))
    advance(replace(context, planner=planner))
    assert "pilot_remedies" not in done_tools(context)
    assert "generate_images" in done_tools(context)


def test_remedies_that_were_not_piloted_are_piloted_when_they_are_named(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(budget=Budget(images=8, rounds=1), remedies=("serve", "train"), seeds=1)
    planner, model = chat(
        context,
        call("prepare"),
        call("draft_protocol"),
        call("run_round", remedies=["serve:csls"]),
        call("run_round", remedies=["serve:prototypes"]),
        *STOP,
    )
    advance(replace(context, planner=planner))
    tried = {pilot.offer.remedy for pilot in read_round(context.session, 1).pilots}
    assert tried == {"serve:csls", "serve:prototypes"}
    assert "write_prompts" not in done_tools(context), "no remedy that is piloted has an image made"
    assert "Stopped here" in result(model, 3)


def test_a_remedy_is_chosen_also_where_no_prompt_was_written(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(budget=Budget(images=8, rounds=1), remedies=("serve", "train"), seeds=1)
    piloted = ["serve:csls", "serve:prototypes"]
    planner, _ = chat(
        context,
        call("prepare"),
        call("draft_protocol"),
        call("pilot_remedies", remedies=piloted),
        *[call("run_round", choose=name) for name in piloted],
    )
    advance(replace(context, planner=planner))
    found = read_round(context.session, 1)
    assert found.decision is not None
    assert found.protocol is not None
    assert found.protocol.remedy == "serve:csls"
