"""A sensible planner with levers: two rounds take at most 14 of its calls, and none of its prompts is long."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from atlantis_core.records import Budget
from atlantis_core.run.round import read_judged_rounds
from atlantis_dml.agents.client.calls import count_prompt_tokens
from atlantis_dml.graph.running import advance
from atlantis_dml.tools import make_planner_tools
from atlantis_dml.tools.context import RunContext

MOST_CALLS, MOST_TOKENS = 14, 6000


def play(messages: list[BaseMessage]) -> AIMessage:
    """Play a planner that inspects before it drafts, names a remedy where none is clear, and stops at the end."""
    now, last = messages[-1].text, messages[-2].text
    decisions = [message for message in messages if isinstance(message, AIMessage)]
    newest = decisions[-1].tool_calls[-1]["name"] if decisions else ""
    if "Stopped here" in last and newest == "run_round":
        return answer(("run_round", {"choose": "generate"}))
    if "- prepare:" in now:
        return answer(("prepare", {}))
    if "- run_round:" in now:
        return answer(("run_round", {}))
    if newest != "inspect_data":
        return answer(("inspect_data", {"question": "more_images"}), ("inspect_data", {"question": "confusion"}))
    return answer(("draft_protocol", {"feedback": "Few cells that share a cause."}))


def answer(*calls: tuple[str, dict[str, Any]]) -> AIMessage:
    """Return an answer with calls and a reason."""
    named = [{"name": name, "args": given, "id": f"{name}-{place}"} for place, (name, given) in enumerate(calls)]
    return AIMessage(f"Next {calls[0][0]}.", tool_calls=named)


def test_two_rounds_take_few_calls_and_short_prompts_that_name_prices(
    begin: Callable[..., RunContext], chat: Any
) -> None:
    context = begin(seeds=1, budget=Budget(images=160, rounds=2), remedies=("generate", "serve"))
    planner, model = chat(context, *[play] * (MOST_CALLS + 2))
    outcome = advance(replace(context, planner=planner))
    assert outcome.status == "done", outcome.problem
    assert len(read_judged_rounds(context.session)) == 2
    assert len(model.requests) <= MOST_CALLS
    offered = make_planner_tools(has_person=False, has_eyes=False)
    tokens = [count_prompt_tokens(request, offered) for request in model.requests]
    assert max(tokens) <= MOST_TOKENS
    prices = [line for request in model.requests for line in request[-1].text.splitlines() if line.startswith("- ")]
    assert any(re.match(r"- prepare: 2 trainings, no images", line) for line in prices)
    assert any(re.match(r"- run_round: at most 80 images, and 1 training \(about \d+ s\)", line) for line in prices)
    assert sum(tokens) < 33_000, "the other agents need some 7,000 more"
