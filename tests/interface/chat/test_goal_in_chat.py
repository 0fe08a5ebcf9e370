"""A goal in another language in a chat: the plan shows it as the model reads it, and the run reads the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_provider import FakeProvider, Reply, Request

from atlantis_core.base.errors import SetupError
from atlantis_core.chat.run_plan import RunPlan
from atlantis_core.records import Cell
from atlantis_core.store.workspace import Workspace
from atlantis_dml.app.progress import open_stderr_screen
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.chat.desk import ChatDesk
from atlantis_dml.chat.record import ChatRecord, save_record

NIGHT = {"kind": "improve", "english": "Night photos.", "values": [["condition", "night"]]}
QUESTION = {"kind": "question", "english": "Why was round 1 rejected?"}


def answer(request: Request) -> Reply | None:
    if request.agent != "goal":
        return None
    return Reply(json.dumps(QUESTION if "Warum" in request.text else NIGHT))


def test_a_plan_shows_the_goal_as_the_model_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    workspace, provider = Workspace(tmp_path / "workspace"), FakeProvider()
    provider.faults["case"] = answer
    chat = save_record(workspace, ChatRecord("chat-1", "harbor-tiny"))
    with provider.running():
        given = RunOptions(planner="openai:m", base_url=provider.address("case"), preset="smoke")
        template = build_request("harbor-tiny", given, workspace.folder)
        desk = ChatDesk(chat, workspace, template, open_stderr_screen())
        told = desk.plan(RunPlan("Nachtfotos werden nicht gefunden", images=12))
        assert 'read by openai:m as "Night photos."; the goal names condition=night' in told
        with pytest.raises(SetupError, match="is a question"):
            desk.plan(RunPlan("Warum wurde Runde 1 abgelehnt?"))
        assert desk.planned.text == "Nachtfotos werden nicht gefunden", "the plan stays as it was"
        desk.start(by_act=False, after_plan=True)
        desk.stop()
        desk.worker.wait()
    (run,) = workspace.runs.all()
    assert run.spec.goal.cells == (Cell("", "condition", "night"),)
    asked = [request for request in provider.heard["case"] if request.agent == "goal"]
    assert len(asked) == 2, "the run gets the answer that the plan has shown"
