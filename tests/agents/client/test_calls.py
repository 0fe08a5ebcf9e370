"""One door to chat models: paid once, traced, redacted, stopped by the budget, answered by a fallback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from pydantic import SecretStr

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.recording import Recording, read_recording, write_recording
from atlantis_dml.agents.client.redaction import build_redactor
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.client.streaming import assemble_reply

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1")
BUSY = openai.RateLimitError("busy", response=httpx2.Response(429, request=REQUEST), body=None)


def said(text: str, into: int = 100, out: int = 20, cached: int = 0) -> AIMessage:
    usage: Any = {"input_tokens": into, "output_tokens": out, "total_tokens": into + out}
    return AIMessage(text, usage_metadata=usage | {"input_token_details": {"cache_read": cached}})


def ask(calls: ModelCalls, text: str = "hello", agent: str = "planner") -> str:
    return calls.ask(agent, [HumanMessage(text)]).text


def test_an_identical_call_is_paid_once_and_every_call_is_in_the_trace(scripted: Any, workspace: Workspace) -> None:
    calls, model = scripted(said("one", cached=50), said("two"))
    assert [ask(calls), ask(calls), ask(calls, "other")] == ["one", "one", "two"]
    again, silent = scripted(run_id="another")
    assert ask(again) == "one", "another run of the workspace pays nothing either"
    assert (len(model.requests), len(silent.requests)) == (2, 0)
    spent = workspace.ledger.spent("run")
    assert spent["tokens"] == 240
    assert spent["usd"] == pytest.approx((50 * 1.0 + 50 * 0.1 + 20 * 10 + 100 * 1.0 + 20 * 10) / 1e6)
    assert workspace.ledger.spent("another")["usd"] == 0
    events = workspace.events.of_kind("run", "model")
    assert [event["tokens"] for event in events] == [120, 0, 120]
    assert events[0]["input"]["messages"] == [{"type": "human", "content": "hello"}]
    assert events[0]["output"]["reply"]["text"] == "one"


def test_an_empty_answer_is_not_kept(scripted: Any, workspace: Workspace) -> None:
    calls, model = scripted(said(""), said("now I know"))
    assert [ask(calls), ask(calls), ask(calls)] == ["", "now I know", "now I know"]
    assert (len(model.requests), workspace.ledger.spent("run")["tokens"]) == (2, 240)


def test_a_fallback_answers_where_the_first_model_fails(workspace: Workspace) -> None:
    failing, other = ScriptedChatModel(script=[BUSY]), ScriptedChatModel(script=[said("I am here")])
    spec = RunSpec("c", "d", Goal("g"), Budget())
    models = [ChatModel("openai:a", failing), ChatModel("openai:b", other)]
    calls = ModelCalls("openai:a", models, workspace, "run", CostTracker(workspace.ledger, "run", spec))
    assert ask(calls) == "I am here"
    assert workspace.events.of_kind("run", "model")[0]["output"]["from"] == "openai:b"
    failing.script.append(BUSY)
    other.script.append(BUSY)
    with pytest.raises(ProviderUnavailable, match=r"openai:a.*openai:b"):
        ask(calls, "again")


def test_a_call_that_the_dollars_do_not_pay_for_is_not_made(scripted: Any, workspace: Workspace) -> None:
    calls, model = scripted(said("one", into=10, out=250), said("two"), usd=0.0050)
    assert ask(calls) == "one"
    with pytest.raises(BudgetExceeded):
        ask(calls, "again")
    assert len(model.requests) == 1
    assert workspace.ledger.spent("run")["usd"] <= 0.0050


def test_the_key_is_in_no_prompt_that_is_kept_and_in_no_answer(scripted: Any, workspace: Workspace) -> None:
    key = "sk-planted-0123456789"
    calls, _ = scripted(said(f"your key is {key}"), redact=build_redactor(SecretStr(key)))
    assert ask(calls, f"my key is {key}") == "your key is [key]"
    assert key not in json.dumps(workspace.events.tree("run"))


def test_tokens_below_nothing_earn_no_money(scripted: Any, workspace: Workspace) -> None:
    calls, _ = scripted(said("one", into=-1_000_000, out=-5), usd=1.0)
    assert ask(calls) == "one"
    assert workspace.ledger.spent("run")["usd"] == 0


def test_a_recording_answers_by_address_and_else_in_order(scripted: Any, workspace: Workspace, tmp_path: Any) -> None:
    calls, _ = scripted(said("one"), said("two"), said("three"))
    for text in ("a", "b"):
        ask(calls, text)
    ask(calls, "c", agent="critic")
    from atlantis_dml.agents.client.recording import reply_to_json

    facts = [
        {"agent": event["input"]["agent"], "key": event["input"]["key"], "reply": event["output"]["reply"]}
        for event in workspace.events.of_kind("run", "model")
    ]
    assert facts[0]["reply"] == reply_to_json(said("one"))
    path = tmp_path / "kept.json"
    write_recording(Recording(RunSpec("c", "d", Goal("g"), Budget()), facts), path)
    replay, silent = scripted(run_id="replay", recording=read_recording(path))
    assert ask(replay, "b") == "two", "the same call has the same answer, whenever it comes"
    assert ask(replay, "worded anew") == "two", "the planner's second answer"
    assert ask(replay, "worded anew", agent="critic") == "three"
    with pytest.raises(ProviderUnavailable, match="recording ends here"):
        ask(replay, "worded anew again")
    assert (silent.requests, workspace.ledger.spent("replay")["tokens"]) == ([], 0)


def chunks(arguments: list[str], finish: str | None) -> Iterator[AIMessageChunk]:
    yield AIMessageChunk(content="Look")
    for piece in arguments:
        call: Any = {"name": "find" if piece is arguments[0] else None, "args": piece, "id": "1", "index": 0}
        yield AIMessageChunk(content="ing", tool_call_chunks=[call])
    yield AIMessageChunk(content="", response_metadata={"finish_reason": finish} if finish else {})


def test_streamed_arguments_are_read_strictly() -> None:
    heard: list[str] = []
    whole = assemble_reply(chunks(['{"a": 2, ', '"b": 3}'], "tool_calls"), heard.append)
    assert (whole.text, whole.tool_calls[0]["args"]) == ("Lookinging", {"a": 2, "b": 3})
    assert heard == ["Look", "ing", "ing"]
    cut = assemble_reply(chunks(['{"a": 2, ', '"b": 3'], "tool_calls"), heard.append)
    assert (cut.tool_calls, len(cut.invalid_tool_calls)) == ([], 1), "LangChain would mend it and run it"
    with pytest.raises(ValueError, match="cut off"):
        assemble_reply(chunks(['{"a": 2}'], None), heard.append)
