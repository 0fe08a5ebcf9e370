"""A protocol is approved by its hash, and by the person, whom a client with forms asks itself."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import ElicitResult

from atlantis_dml.graph.running import advance
from atlantis_dml.mcp.desk import McpDesk
from tests.fixtures.tiny_runs import activations, begin, tiny_world
from tests.interface.mcp.conftest import call, open_desk, refusal, talk

__all__ = ["activations", "begin", "tiny_world"]


@pytest.fixture
def waiting(begin) -> McpDesk:
    """A run that waits for approval of its first protocol."""
    context = begin(auto=False)
    assert advance(context).status == "waiting"
    return open_desk(context.session.workspace)


def approvals(desk: McpDesk) -> list[dict[str, Any]]:
    run = desk.site.workspace.runs.get("last")
    return [event["output"] for event in desk.site.workspace.events.of_kind(run.id, "approval")]


@pytest.mark.slow
def test_a_stale_hash_changes_nothing_and_words_and_rejections_wait_under_another_hash(waiting: McpDesk) -> None:
    async def ask(client) -> tuple[str, dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
        shown = await call(client, "run_status", run="last")
        stale = await refusal(client, "reject", run="last", protocol_hash="0" * 64, by="Ann")
        still = await call(client, "run_status", run="last")
        given = {"run": "last", "by": "Ann"}
        await call(client, "respond", **given, protocol_hash=shown["protocol"]["hash"], words="at most 4 images")
        second = (await call(client, "wait_run", run="last", seconds=60))["protocol"]
        await call(client, "reject", **given, protocol_hash=second["hash"], reason="too dark")
        third = (await call(client, "wait_run", run="last", seconds=60))["protocol"]
        await call(client, "end_run", **given, protocol_hash=third["hash"], reason="enough")
        drafts = [shown["protocol"], second, third]
        return stale, still, drafts, await call(client, "wait_run", run="last", seconds=60)

    stale, still, drafts, ended = talk(waiting, ask)
    assert "nothing was answered" in stale
    assert (still["status"], still["protocol"]["images"]) == ("waiting", 6)
    assert ended["status"] == "done"
    assert len({draft["hash"] for draft in drafts}) == 3
    assert [draft["images"] for draft in drafts[:2]] == [6, 4]
    assert drafts[1]["answers_to"] == ["Drafted again, as you answered: at most 4 images"]
    assert drafts[2]["answers_to"] == ["Drafted again, as you rejected the draft before: too dark"]
    found = approvals(waiting)
    assert {answer["by"] for answer in found} == {'over MCP by "Ann"'}
    assert [answer["answer"] for answer in found] == [
        {"decision": "respond", "words": "at most 4 images"},
        {"decision": "reject", "reason": "too dark", "then": "draft"},
        {"decision": "stop", "reason": "enough"},
    ]
    ledger, run = waiting.site.workspace.ledger, waiting.site.workspace.runs.get("last")
    assert (ledger.spent(run.id)["images"], run.stop_reason) == (0, "person")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_with_forms_asks_the_person(waiting: McpDesk, mode: str) -> None:
    asked: list[str] = []
    answers = [
        ElicitResult(action="decline"),
        ElicitResult(action="accept", content={"approve": False}),
        ElicitResult(action="accept", content={"approve": True}),
    ]

    async def fill_in(_context: Any, form: Any) -> ElicitResult:
        asked.append(form.message)
        return answers.pop(0)

    async def ask(client) -> None:
        shown = (await call(client, "run_status", run="last"))["protocol"]
        given = {"run": "last", "protocol_hash": shown["hash"], "by": "Ann"}
        for _ in range(2):
            assert "the person did not approve" in await refusal(client, "approve", **given)
            assert (await call(client, "run_status", run="last"))["status"] == "waiting"
        for change, line in (
            ({}, "nothing is changed"),
            ({"cells": [{"number": 99, "count": 1}]}, "no cell 99"),
            ({"cells": [{"number": 1, "count": 1}], "images": 2}, "cannot be changed together"),
        ):
            assert line in await refusal(client, "edit", **given, **change)
        cells = [{"number": 1, "count": 3}, *({"number": one["number"], "count": 0} for one in shown["cells"][1:])]
        await call(client, "edit", **given, cells=cells)
        assert shown["hash"][:12] in asked[0]
        assert "Changed" not in asked[0]
        assert "3 images" in asked[-1].partition("Changed")[2]
        assert "6 images" in asked[0]

    talk(waiting, ask, mode=mode, elicitation_callback=fill_in)
    waiting.site.steering.shut_down()
    assert answers == []
    (answer,) = approvals(waiting)
    assert answer["images"] == 3
