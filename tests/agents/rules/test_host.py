"""What the rules understand in a chat, and that they say so where they do not."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from atlantis_dml.agents.rules.host import HELP, RuleHost, parse_sentence
from atlantis_dml.tools.desk import DESK_TOOLS

SITUATION = "status: {}\nclasses: trawler-red, tug\nfacets: light (day, night, fog)"
GOAL = "night photos of trawlers are not found; you have 300 images and 2 dollars"

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("none", GOAL, "state_goal", {"text": GOAL, "images": 300, "usd": 2.0}),
    ("none", "improve everything", "state_goal", {"text": "improve everything"}),
    ("none", "trawlers at night", "state_goal", {"text": "trawlers at night"}),
    ("planned", "3 rounds", "state_goal", {"rounds": 3}),
    ("planned", "use at most two hundred new images", "state_goal", {"images": 200}),
    ("planned", "aim for recall 90 %", "state_goal", {"target": 0.9}),
    ("planned", "yes, please", "start_run", {}),
    ("planned", "yes", "start_run", {}),
    ("planned", "start", "start_run", {}),
    ("paused", "yes", "go_on", {}),
    ("paused", "/go", "go_on", {}),
    ("paused", "continue", "go_on", {}),
    ("running", "stop", "stop_run", {}),
    ("running", "please stop!", "stop_run", {}),
    ("running", "skip fog", "leave_alone", {"what": "fog"}),
    ("running", "never mind fog", "leave_alone", {"what": "fog"}),
    ("running", "leave tugs alone", "leave_alone", {"what": "tugs"}),
    ("running", "only night", "leave_alone", {"what": "everything but night"}),
    ("running", "note: prefer heavy fog", "note", {"text": "prefer heavy fog"}),
    ("running", "why did you pick night?", "explain", {"question": "why did you pick night?"}),
    ("running", "/why night", "explain", {"question": "why night"}),
    ("running", "undo", "take_back", {}),
    ("running", "status", "read_run", {"about": "status"}),
    ("running", "what are you doing?", "read_run", {"about": "status"}),
    ("done", "how much is left?", "read_run", {"about": "budget"}),
    ("done", "where does it fail?", "read_run", {"about": "gaps"}),
    ("done", "show me the results", "read_run", {"about": "rounds"}),
    ("none", "which classes are there?", "read_run", {"about": "data"}),
    ("waiting", "prompts", "read_run", {"about": "protocol"}),
    ("waiting", "approve", "answer_approval", {"decision": "approve"}),
    ("waiting", "yes", "answer_approval", {"decision": "approve"}),
    ("waiting", "approve with 50 instead of 100", "answer_approval", {"decision": "approve", "images": 50}),
    ("waiting", "/approve 50", "answer_approval", {"decision": "approve", "images": 50}),
    ("waiting", "yes with fifty", "answer_approval", {"decision": "approve", "images": 50}),
    ("waiting", "approve without fog", "answer_approval", {"decision": "approve", "without": "fog"}),
    ("waiting", "approve 9, but no fog", "answer_approval", {"decision": "approve", "images": 9, "without": "fog"}),
    ("waiting", "reject because Fog is rare", "answer_approval", {"decision": "reject", "reason": "Fog is rare"}),
    ("waiting", "/respond less fog, please", "answer_approval", {"decision": "respond"}),
    ("waiting", "draft it again: only tugs", "answer_approval", {"decision": "respond"}),
    ("waiting", "/end", "answer_approval", {"decision": "stop", "reason": ""}),
    ("waiting", "end the run: no time", "answer_approval", {"decision": "stop", "reason": "no time"}),
    ("waiting", "no", "answer_approval", {"decision": "reject", "reason": ""}),
    ("waiting", "no fog", "leave_alone", {"what": "fog"}),
    ("done", "approve", "answer_approval", {"decision": "approve"}),
]


@pytest.mark.parametrize(("status", "words", "tool", "arguments"), CASES)
def test_a_sentence_is_one_call(status: str, words: str, tool: str, arguments: dict[str, Any]) -> None:
    assert parse_sentence(words, SITUATION.format(status)) == (tool, arguments)
    assert tool in DESK_TOOLS


@pytest.mark.parametrize(
    "words",
    ["sing me a song", "only fifty", "ok with 9, but no fog", "approve but make it darker", "hello", "does it rain?"],
)
def test_what_is_not_understood_calls_nothing_and_says_what_would_be(words: str) -> None:
    answer = parse_sentence(words, SITUATION.format("waiting"))
    assert isinstance(answer, str)
    assert answer.endswith(HELP)
    assert "--planner openai:MODEL" in answer


def test_the_result_of_a_tool_is_the_answer() -> None:
    host = RuleHost()
    call = host.reply([HumanMessage("status")], "status: none")
    assert [one["name"] for one in call.tool_calls] == ["read_run"]
    result = ToolMessage("status: none", tool_call_id="x")
    assert (
        host.reply([HumanMessage("status"), AIMessage("", tool_calls=call.tool_calls), result], "").text
        == result.text
    )
