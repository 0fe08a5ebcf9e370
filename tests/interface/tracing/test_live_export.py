"""`--trace mlflow`: a run with a chat model is exported while it works, keeps its key to itself, and never waits."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_faults import echoes_the_key
from fake_provider import FakeProvider

from atlantis_core.store.workspace import Workspace
from atlantis_dml.cli.main import main
from atlantis_dml.tracing.live import live_export
from atlantis_dml.views.trace import build_trace
from tests.interface.conftest import begin, fabricate

KEY = "sk-planted-key-9876543210"
RUN = [
    "run",
    "harbor-tiny",
    "--rounds",
    "1",
    "--seeds",
    "1",
    "--preset",
    "smoke",
    "--auto",
    "--price",
    "1,2",
    "--json",
]


@pytest.mark.slow
def test_a_run_with_a_chat_model_is_exported_without_its_key(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stored: Any,
    as_told: Any,
    holding: Any,
) -> None:
    """The key is in a file, in every request's header, in the goal, and the model repeats it in texts and calls."""
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("ATLANTIS_TRACE", "mlflow")
    provider, folder = FakeProvider(), tmp_path / "workspace"
    provider.faults["echo"] = echoes_the_key
    with provider.running():
        words = ["--planner", "openai:m", "--base-url", provider.address("echo"), "--workspace", str(folder)]
        assert main([*RUN, "--goal", f"night photos are not found; 12 images {KEY}", *words]) == 0
    answered = capsys.readouterr()
    summary, workspace = json.loads(answered.out), Workspace(folder)
    assert {request.key for request in provider.heard["echo"]} == {KEY}
    assert holding(KEY, folder) == []
    assert KEY not in answered.out + answered.err
    assert len(holding("[key]", folder)) >= 2  # the log and MLflow say that something was there

    run, trials = stored(workspace).runs()
    root, trace = build_trace(workspace, "last"), stored(workspace).trace()
    assert stored(workspace).tree() == as_told(root)
    assert root["tokens"] == trace.info.token_usage["total_tokens"] == summary["spent"]["tokens"] > 0
    assert trace.info.cost["total_cost"] == pytest.approx(summary["spent"]["usd"])
    chats = [span for span in trace.data.spans if span.attributes.get("gen_ai.operation.name") == "chat"]
    used = sum(
        chat.attributes.get(f"gen_ai.usage.{side}_tokens", 0) for chat in chats for side in ("input", "output")
    )
    assert used == root["tokens"]
    jobs = [span for span in trace.data.spans if span.attributes["atlantis.kind"] == "job"]
    assert {job.inputs["trial"] for job in jobs} == {trial.data.tags["atlantis.trial_id"] for trial in trials}
    assert {chat.attributes["gen_ai.request.model"] for chat in chats} == {"m"}
    assert chats[0].attributes["gen_ai.provider.name"] == "openai"

    assert run.data.metrics["recall_at_1"] == pytest.approx(summary["rounds"][-1]["recall_at_1"]["after"])
    losses = [stored(workspace).history(trial, "loss") for trial in trials]
    assert {len(curve) for curve in losses} == {int(run.data.params["recipe.steps"])}
    before = stored(workspace).rows()
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(folder)]) == 0
    assert stored(workspace).rows() == before


@pytest.mark.parametrize("kind", ["refuses", "hangs"])
def test_a_server_that_is_not_there_costs_a_line_and_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stored: Any, kind: str
) -> None:
    session, said = begin(tmp_path), list[str]()
    workspace = session.workspace
    run = workspace.runs.get(session.run_id)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if kind == "hangs":
            server.listen()
        to = f"mlflow:http://127.0.0.1:{server.getsockname()[1]}"
        with live_export(workspace, run, to, said.append) as came_to:
            started = time.monotonic()
            for step in range(50):
                with workspace.events.span(run.id, "tool", "t", {"step": step}):
                    pass
            worked = time.monotonic() - started
            ended = time.monotonic()
        waited = time.monotonic() - ended
    assert worked < 5
    assert waited < 60
    assert came_to.facts["trace"]["sent"] is None
    (line,) = said
    assert "cannot be written to" in line
    assert f"atlantis trace {run.id} --to {to}" in line
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(workspace.folder)]) == 0
    assert len(stored(workspace).trace().data.spans) == 51


def test_without_a_target_nothing_is_imported_and_nothing_is_said(tmp_path: Path) -> None:
    session, said = begin(tmp_path), list[str]()
    run = session.workspace.runs.get(session.run_id)
    with live_export(session.workspace, run, None, said.append) as came_to:
        assert session.workspace.events.watchers == []
    assert (came_to.facts, said) == ({}, [])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real MLflow server on loopback; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path / 'server.db'}",
        "--artifacts-destination",
        str(tmp_path / "a"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen([*command, "--workers", "1"], env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while not _answers(address):
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.slow
def test_a_server_takes_the_same(tmp_path: Path, server: str, as_told: Any, reading: Any) -> None:
    made = fabricate(tmp_path)
    run, said = made.workspace.runs.get(made.run_id), list[str]()
    with (
        live_export(made.workspace, run, f"mlflow:{server}", said.append) as came_to,
        made.workspace.events.span(run.id, "tool", "t", {"a": 1}) as span,
    ):
        span.output = {"text": "x"}
    assert came_to.facts["trace"]["sent"]["spans"] == 10
    assert said[-1].startswith(f"trace: {server}/#/experiments/")
    stored = reading(server)
    assert stored.tree() == as_told(build_trace(made.workspace, run.id))
    run_there, trials = stored.runs()
    assert len(trials) == 2
    figures = {name: stored.history(run_there, name) for name in ("recall_at_1", "gap_recall_at_1_gain")}
    assert [len(curve) for curve in figures.values()] == [3, 2]
    assert main(["trace", "last", "--to", f"mlflow:{server}", "--workspace", str(made.workspace.folder)]) == 0
    assert {name: stored.history(run_there, name) for name in figures} == figures
    assert len(stored.trace().data.spans) == 10
    assert len(stored.runs()[1]) == 2
    assert {item.path for item in stored.client.list_artifacts(run_there.info.run_id)} >= {"report.html", "protocols"}
