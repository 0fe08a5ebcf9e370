"""Several tool calls in one answer of the planner: they run in order, and the first failure cancels the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_core.records import Budget
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.planner import ChatPlanner
from atlantis_dml.graph.running import advance
from atlantis_dml.graph.tool_calls import MOST_CALLS
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
Chat = Callable[..., tuple[ChatPlanner, ScriptedChatModel]]
Call = Callable[..., AIMessage]

STOP = [AIMessage("Enough.")] * 2


def answer(*calls: tuple[str, dict[str, Any]], ids: str = "call-{}") -> AIMessage:
    """Return an answer with several calls."""
    named = [{"name": name, "args": given, "id": ids.format(place)} for place, (name, given) in enumerate(calls)]
    return AIMessage("All of these.", tool_calls=named)


def results(model: ScriptedChatModel, request: int) -> list[str]:
    """Return the tool results in a prompt."""
    return [message.text for message in model.requests[request] if isinstance(message, ToolMessage)]


def done_tools(context: RunContext) -> list[tuple[str, str]]:
    """Return the tools of a run in the order of the trace, with their status."""
    tree = context.session.workspace.events.tree(context.session.run_id)
    return [
        (child["name"], child["status"]) for node in tree for child in node["children"] if child["kind"] == "tool"
    ]


def test_they_run_in_order_and_the_next_prompt_has_every_result(begin: Begin, chat: Chat) -> None:
    context = begin()
    planner, model = chat(context, answer(("dataset_statistics", {}), ("recall_trials", {})), *STOP)
    assert advance(replace(context, planner=planner)).status == "done"
    assert done_tools(context) == [("dataset_statistics", "done"), ("recall_trials", "done")]
    first, second = results(model, 1)
    assert "train and" in first
    assert second == "no round is finished yet"


def test_calls_with_the_same_id_or_none_have_a_result_each(begin: Begin, chat: Chat) -> None:
    context = begin()
    twice = answer(("dataset_statistics", {}), ("recall_trials", {}), ids="the same")
    planner, model = chat(context, twice, *STOP)
    advance(replace(context, planner=planner))
    assert len(results(model, 1)) == 2


def test_the_first_failure_cancels_those_after_it_with_a_message_each(begin: Begin, chat: Chat) -> None:
    context = begin()
    calls = answer(("recall_trials", {}), ("find_gaps", {}), ("draft_protocol", {}), ("generate_images", {}))
    planner, model = chat(context, calls, *STOP)
    advance(replace(context, planner=planner))
    assert [status for _, status in done_tools(context)] == ["done", "failed", "failed", "failed"]
    shown = results(model, 1)
    assert "train the baseline first" in shown[1]
    assert all("not run: find_gaps" in text for text in shown[2:])


def test_an_answer_with_too_many_calls_runs_the_first_ones(begin: Begin, chat: Chat) -> None:
    context = begin()
    planner, _ = chat(context, answer(*[("recall_trials", {})] * (MOST_CALLS + 2)), *STOP)
    advance(replace(context, planner=planner))
    statuses = sorted(status for _, status in done_tools(context))
    assert statuses == ["done"] * MOST_CALLS + ["failed"] * 2


def test_long_results_are_cut_rather_than_left_out(begin: Begin, chat: Chat) -> None:
    context = begin()
    long = [("find_gaps", {"mode": f"telepathy {place} {'x' * 1500}"}) for place in range(5)]
    planner, model = chat(context, answer(("dataset_statistics", {}), *long), *STOP)
    advance(replace(context, planner=planner))
    shown = results(model, 1)
    assert len(shown) == 6
    assert "train and" in shown[0]


def test_a_spending_call_among_them_waits_and_the_rest_follows_the_approval(
    begin: Begin, chat: Chat, call: Call
) -> None:
    """The whole of a round after its draft in one answer; nothing runs twice when the run is taken up again."""
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    planner, model = chat(
        context,
        answer(
            ("train_retriever", {"arm": "baseline"}), ("evaluate_retrieval", {"arm": "baseline"}), ("find_gaps", {})
        ),
        answer(
            ("draft_protocol", {}),
            ("write_prompts", {}),
            ("generate_images", {}),
            ("score_outliers", {}),
            ("train_retriever", {"arm": "candidate"}),
            ("evaluate_retrieval", {"arm": "candidate"}),
        ),
    )
    context = replace(context, planner=planner)
    assert advance(context).status == "waiting"
    assert [name for name, _ in done_tools(context)][-2:] == ["draft_protocol", "write_prompts"]
    assert context.session.workspace.ledger.spent(context.session.run_id)["images"] == 0
    assert advance(context, {"decision": "approve"}).status == "done"
    assert len(model.requests) == 2
    assert [name for name, status in done_tools(context) if status == "done"] == [
        "train_retriever",
        "evaluate_retrieval",
        "find_gaps",
        "draft_protocol",
        "write_prompts",
        "generate_images",
        "score_outliers",
        "train_retriever",
        "evaluate_retrieval",
    ]


def test_a_rejected_call_cancels_those_after_it(begin: Begin, chat: Chat) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    planner, _ = chat(
        context,
        answer(("train_retriever", {"arm": "baseline"}), ("find_gaps", {}), ("draft_protocol", {})),
        answer(("generate_images", {}), ("score_outliers", {})),
        *STOP,
    )
    context = replace(context, planner=planner)
    assert advance(context).status == "waiting"
    advance(context, {"decision": "reject", "reason": "no"})
    assert ("score_outliers", "failed") in done_tools(context)
    assert context.session.workspace.ledger.spent(context.session.run_id)["images"] == 0


def test_an_argument_that_a_tool_does_not_have_is_refused_with_those_it_has(
    begin: Begin, chat: Chat, call: Call
) -> None:
    context = begin()
    planner, model = chat(
        context, call("train_retriever", arm="baseline", epochs=9), call("recall_trials", n=1), *STOP
    )
    advance(replace(context, planner=planner))
    assert model.requests[1][-2].text == "train_retriever has no argument 'epochs'; known: arm"
    assert model.requests[2][-2].text == "recall_trials has no argument 'n'; known: none"


def test_a_stop_is_a_tool_and_ends_what_was_called_after_it(begin: Begin, chat: Chat, journal: Any) -> None:
    context = begin()
    planner, _ = chat(context, answer(("stop", {"reason": "Too few\nqueries."}), ("dataset_statistics", {})))
    assert advance(replace(context, planner=planner)).status == "done"
    assert journal(context)[0]["end"] == {"stop_reason": "planner", "stop_detail": "Too few queries."}
    assert done_tools(context) == [("stop", "done"), ("dataset_statistics", "failed")]


def test_a_stop_without_a_reason_is_refused(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin()
    planner, model = chat(context, call("stop", reason=" "), *STOP)
    advance(replace(context, planner=planner))
    assert "needs a reason" in model.requests[1][-2].text
