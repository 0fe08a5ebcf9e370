"""A run with a chat model over HTTP, a person's edit included, is recorded and replayed elsewhere without a key."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from fake_provider import FakeProvider

from atlantis_core.base.serialization import as_json
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_core.store.workspace import Workspace
from atlantis_dml.cli.main import main

KEY = "sk-planted-key-0123456789"


def figures(summary: dict[str, Any]) -> Any:
    rounds = [{key: entry[key] for key in ("kept", "reason", "images", "critique")} for entry in summary["rounds"]]
    return rounds, summary["final"], summary["stop_reason"]


@pytest.mark.slow
def test_record_and_replay_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    provider, folder = FakeProvider(), tmp_path / "first"
    run = ["run", "harbor-tiny", "--goal", "night photos are not found; 12 images", "--rounds", "1", "--seeds", "1"]
    with provider.running():
        models = ["--planner", "openai:m", "--base-url", provider.address("replay"), "--price", "1,2"]
        assert main([*run, "--preset", "smoke", *models, "--workspace", str(folder), "--json"]) == 3
        protocol = json.loads(capsys.readouterr().out)["question"]["protocol"]
        protocol["cells"][0]["count"] = 3
        edited = tmp_path / "edited.json"
        edited.write_text(json.dumps(protocol | {"cells": protocol["cells"][:1]}))
        assert main(["resume", "last", "--edit", str(edited), "--workspace", str(folder), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["rounds"][0]["images"]["made"] == 3
    assert first["spent"]["usd"] > 0

    kept = tmp_path / "night.recording.json"
    assert main(["record", "last", str(kept), "--workspace", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] >= 10
    assert main(["record", "last", str(kept), "--workspace", str(folder)]) == 2
    assert "exists already" in capsys.readouterr().err

    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["run", "--replay", str(kept), "--workspace", str(tmp_path / "second"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert figures(again) == figures(first)
    assert (again["spent"]["tokens"], again["spent"]["usd"]) == (0, 0)

    assert main(["trace", "last", "--workspace", str(folder), "--json"]) == 0
    traced = json.loads(capsys.readouterr().out)
    assert {row["agent"] for row in traced["agents"]} == {
        "goal",
        "planner",
        "insight",
        "protocol",
        "prompts",
        "critic",
        "eyes",
    }
    assert sum(row["usd"] for row in traced["agents"]) == pytest.approx(first["spent"]["usd"])
    assert traced["usd"] == pytest.approx(first["spent"]["usd"])
    gc.collect()  # closes the databases of the commands above, whose -wal files would vanish while they are read
    written = [path for path in Workspace(folder).folder.rglob("*") if path.is_file()]
    assert not [path for path in [*written, kept] if KEY.encode() in path.read_bytes()]


SPEC = as_json(RunSpec("", "harbor-tiny", Goal("g"), Budget()))
REPLY = {"text": "", "calls": [], "broken_calls": 0, "finish_reason": None, "usage": None}


@pytest.mark.parametrize(
    "broken",
    [
        {"calls": None},
        {"calls": 5},
        {"calls": ["x"]},
        {"calls": [{"agent": "a", "key": "k", "reply": REPLY | {"broken_calls": "x"}}]},
        {"calls": [{"agent": "a", "key": "k", "reply": REPLY | {"calls": [{"name": "n", "args": [1], "id": None}]}}]},
        {"approvals": ["approve"]},
        {"approvals": [{"decision": "nonsense"}]},
        {"spec": SPEC | {"budget": {"usd": float("nan")}}},
    ],
)
def test_a_damaged_recording_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: dict[str, Any]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"version": 1, "spec": SPEC, "calls": [], "approvals": []} | broken))
    assert main(["run", "--replay", str(path)]) == 2
    assert "is not a recording" in capsys.readouterr().err


def test_a_replay_takes_no_other_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--replay", "x", "--budget-images", "4"]) == 2
    assert "--budget-images has no effect" in capsys.readouterr().err
    assert main(["run", "--replay", str(tmp_path / "none.json")]) == 2
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["{}", "no json", "[" * 200_000, '{"version": 1, "spec": {}, "calls": []}', '{"version": 9}']
)
def test_a_file_that_is_no_recording_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert main(["run", "--replay", str(path)]) == 2
    assert "recording" in capsys.readouterr().err
