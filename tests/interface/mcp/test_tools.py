"""What the tools answer: facts of the workspace with quoted names, and mistakes as one line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atlantis_core.run.summary import summarise
from atlantis_dml.mcp.server import ACTING, READING
from tests.interface.conftest import HOSTILE
from tests.interface.mcp.conftest import call, open_desk, refusal, talk, text


def test_every_tool_is_described_and_typed(desk) -> None:
    tools = {tool.name: tool for tool in talk(desk, lambda client: client.list_tools()).tools}
    assert sorted(tools) == sorted(function.__name__ for function in (*READING, *ACTING))
    assert [name for name, tool in tools.items() if not tool.description] == []
    typed = {
        "run_status",
        "wait_run",
        "start_run",
        "approve",
        "edit",
        "respond",
        "reject",
        "answer",
        "end_run",
        "resume",
        "stop",
    }
    assert {name for name, tool in tools.items() if tool.output_schema} == typed
    assert {name for name, tool in tools.items() if not tool.annotations.read_only_hint} == {
        function.__name__ for function in ACTING
    }
    assert "protocol_hash" in tools["approve"].input_schema["required"]


def test_a_report_is_that_of_the_run_and_quotes_its_names(desk, fabricated) -> None:
    answer = talk(desk, lambda client: client.call_tool("report", {"run": "last"}))
    facts: Any = answer.structured_content
    summary = summarise(fabricated.workspace, fabricated.run_id)
    assert facts["final"] == summary["final"]
    assert [one["kept"] for one in facts["rounds"]] == [True, False]
    assert f'goal "mend {HOSTILE}"' in text(answer)


def test_a_trace_is_searched_or_read_by_step(desk) -> None:
    async def ask(client) -> tuple[dict[str, Any], dict[str, Any], str]:
        found = await call(client, "trace", run="last", words="IMAGES   made")
        line = await refusal(client, "trace", run="last", words="x", step=1)
        return found, await call(client, "trace", run="last", step=1), line

    found, step, line = talk(desk, ask)
    assert [one["title"].split()[1] for one in found["steps"]] == ["generate_images"] * 2
    assert step["step"] == 1
    assert line == "name one of words, step and image"


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("run_status", {"run": "nowhere"}, "no run 'nowhere' in this workspace"),
        ("run_status", {"ran": "last"}, "run_status has no argument 'ran'; known: run"),
        ("approve", {"run": "last"}, "protocol_hash: Field required"),
        ("approve", {"run": "last", "protocol_hash": "0", "by": "Ann"}, "no protocol waits for approval now"),
        ("edit", {"run": "last", "protocol_hash": "0", "by": "Ann"}, "no protocol waits for approval now"),
        ("resume", {"run": "last"}, "the run is not paused"),
        ("stop", {"run": "last"}, "this server is not working on the run now"),
        ("start_run", {"data": "/etc", "goal": "x"}, "this server has no collection '/etc'; it has: harbor-tiny"),
        (
            "start_run",
            {"data": "harbor-tiny", "goal": "x", "images": 21},
            "images 21 is more than this server allows",
        ),
        ("start_run", {"data": "harbor-tiny", "goal": "x, 21 images"}, "images 21 is more than this server allows"),
        ("start_run", {"data": "harbor-tiny", "goal": "x", "rounds": 3}, "rounds 3 is more than this server allows"),
        ("start_run", {"data": "harbor-tiny", "goal": " "}, "the goal is empty"),
        ("search", {"image": "x.png"}, "name either an index or a run to search with"),
        ("search", {"image": "x.png", "run": "last"}, "there is no image 'x.png'"),
        ("search", {"image": "x.png", "index": "y", "model": "after"}, "model has no effect with an index"),
        ("fly", {}, "there is no tool 'fly'; known: diagnose"),
    ],
)
def test_a_mistake_is_one_line(desk, name: str, arguments: dict[str, Any], line: str) -> None:
    answer = talk(desk, lambda client: refusal(client, name, **arguments))
    assert answer.startswith(line)
    assert "\n" not in answer


def test_a_run_gets_the_limits_of_the_server(fabricated) -> None:
    desk = open_desk(fabricated.workspace, budget_images=20, rounds=2)
    budget = desk.build_request("harbor-tiny", "x").spec.budget
    assert (budget.images, budget.rounds) == (20, 2)
    budget = desk.build_request("harbor-tiny", "x", images=5, rounds=1).spec.budget
    assert (budget.images, budget.rounds) == (5, 1)
    assert not desk.build_request("harbor-tiny", "x").spec.auto


def test_no_key_leaves(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-secret-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    line = talk(desk, lambda client: refusal(client, "run_status", run=key))
    assert line.startswith("no run ")
    assert key not in line


def test_what_is_listed_is_quoted(desk, fabricated) -> None:
    answer = talk(desk, lambda client: client.call_tool("list_runs", {}))
    assert text(answer).endswith(f"goal {json.dumps(f'mend {HOSTILE}')}")
    facts: Any = answer.structured_content
    assert facts["runs"][0]["run_id"] == fabricated.run_id
