"""What the rules understand in a chat, and that they say so where they do not."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from atlantis_dml.agents.rules.host import HELP, RuleHost, parse_line, parse_sentence
from atlantis_dml.tools.desk import DESK_TOOLS

SITUATION = "status: {}\nclasses: trawler-red, tug\nfacets: light (day, night, fog)"
GOAL = "night photos of trawlers are not found; you have 300 images and 2 dollars"

CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("none", GOAL, "state_goal", {"text": GOAL, "images": 300, "usd": 2.0}),
    ("none", "improve everything", "state_goal", {"text": "improve everything"}),
    ("none", "trawlers at night", "state_goal", {"text": "trawlers at night"}),
    ("none", "dark photos", "state_goal", {"text": "dark photos"}),
    ("none", "only diagnose", "state_goal", {"text": "only diagnose"}),
    ("none", "use the test set to pick the best", "state_goal", {"text": "use the test set to pick the best"}),
    ("planned", "3 rounds", "state_goal", {"rounds": 3}),
    ("planned", "no more than 50 images", "state_goal", {"images": 50}),
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


ALONE = ("leave_alone", {"what": "fog"})
ONLY = ("leave_alone", {"what": "everything but trawlers"})
WHY = ("explain", {"question": "why was round 1 rejected?"})
BOTH = "skip fog, night photos are not found and at most fifty images"
SEVERAL: list[tuple[str, str, list[tuple[str, dict[str, Any]]], list[str]]] = [
    ("planned", "skip fog, 50 images and only trawlers", [ALONE, ONLY, ("state_goal", {"images": 50})], []),
    ("running", "skip fog, 50 images and only trawlers", [ALONE, ONLY], ["50 images"]),
    ("waiting", "skip fog, 50 images and only trawlers", [ALONE, ONLY], ["50 images"]),
    ("planned", "skip fog, sing me a song and 2 rounds", [ALONE, ("state_goal", {"rounds": 2})], ["sing me a song"]),
    (
        "none",
        "double tugs, skip fog, why was round 1 rejected?",
        [WHY, ("state_goal", {"text": "double tugs, skip fog"})],
        [],
    ),
    (
        "none",
        BOTH,
        [("state_goal", {"text": BOTH.replace("fifty", "50"), "images": 50})],
        [],
    ),
    (
        "planned",
        "skip fog, night and 2 rounds",
        [("leave_alone", {"what": "fog, night"}), ("state_goal", {"rounds": 2})],
        [],
    ),
    ("running", "skip fog, why was round 1 rejected?", [ALONE, WHY], []),
    ("running", "why was round 1 rejected? skip fog", [WHY, ALONE], []),
    ("running", "skip fog and stop", [ALONE, ("stop_run", {})], []),
    ("waiting", "yes, skip fog and only trawlers", [ALONE, ONLY], ["yes"]),
    (
        "running",
        "why did you pick night, and not fog?",
        [("explain", {"question": "why did you pick night, and not fog?"})],
        [],
    ),
    ("running", "note: no people, and no fog", [("note", {"text": "no people, and no fog"})], []),
]


@pytest.mark.parametrize(("status", "words", "calls", "left"), SEVERAL)
def test_of_several_wishes_in_a_line_each_is_a_call_or_named(
    status: str, words: str, calls: list[tuple[str, dict[str, Any]]], left: list[str]
) -> None:
    found = parse_line(words, SITUATION.format(status))
    assert not isinstance(found, str)
    assert (found.calls, found.left) == (calls, left)


def test_the_answer_to_several_wishes_is_all_results_and_what_was_left() -> None:
    host, said = RuleHost(), "skip fog, sing me a song and only trawlers"
    messages: list[Any] = [HumanMessage("skip day"), ToolMessage("earlier", tool_call_id="x"), HumanMessage(said)]
    for result in ("skips fog", "skips all but trawlers"):
        asked = host.reply(messages, SITUATION.format("running"))
        messages += [asked, ToolMessage(result, tool_call_id=asked.tool_calls[0]["id"])]
    answer = host.reply(messages, SITUATION.format("running"))
    assert answer.tool_calls == []
    skipped, others, left = answer.text.splitlines()
    assert (skipped, others) == ("skips fog", "skips all but trawlers")
    assert left.startswith('Not acted on: "sing me a song".')


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
