"""`atlantis trace RUN --to mlflow`: what is in MLflow afterwards is what the event log and the store say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.run.journal import JournalKind
from atlantis_core.run.manual_overrides import override_verdicts
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_dml.cli.main import main
from atlantis_dml.tracing.run_record import Figure, Record
from atlantis_dml.tracing.target import resolve_target
from atlantis_dml.tracing.writer import MlflowWriter
from atlantis_dml.views.trace import build_trace
from tests.interface.conftest import HOSTILE, Fabricated, fabricate


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    """A fabricated run that was exported once."""
    made = fabricate(tmp_path_factory.mktemp("sent"))
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(made.workspace.folder), "--json"]) == 0
    return made


def test_the_spans_are_the_trace(sent: Fabricated, stored: Any, as_told: Any) -> None:
    trace = stored(sent.workspace).trace()
    assert stored(sent.workspace).tree() == as_told(build_trace(sent.workspace, sent.run_id))
    assert trace.info.state == "OK"
    assert trace.info.trace_metadata["mlflow.trace.session"] == sent.run_id
    assert trace.info.tags["atlantis.thread_id"] == sent.run_id


def test_names_are_those_of_the_conventions(sent: Fabricated, stored: Any) -> None:
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    operations = {value.value for value in gen_ai_attributes.GenAiOperationNameValues}
    spans = stored(sent.workspace).trace().data.spans
    used = {name for span in spans for name in span.attributes if name.startswith("gen_ai.")}
    assert used
    assert used <= known
    found = {span.attributes.get("gen_ai.operation.name") for span in spans}
    assert found == {"invoke_workflow", "invoke_agent", "execute_tool", None}  # judging has no name there
    assert found - {None} <= operations
    tools = [span for span in spans if span.attributes["atlantis.kind"] == "tool"]
    assert {span.name for span in tools} == {"execute_tool generate_images", "execute_tool train_retriever"}
    assert {span.span_type for span in tools} == {"TOOL"}
    assert tools[1].attributes["gen_ai.tool.call.arguments"] == {"arm": "candidate"}


def test_figures_by_round_and_nested_trials(sent: Fabricated, stored: Any) -> None:
    mlflow = stored(sent.workspace)
    run, trials = mlflow.runs()
    assert mlflow.history(run, "recall_at_1") == [(0, 0.5), (1, pytest.approx(20 / 24)), (2, pytest.approx(19 / 24))]
    assert [step for step, _ in mlflow.history(run, "gap_recall_at_1_gain")] == [1, 2]
    assert mlflow.history(run, "round_kept") == [(1, 1.0), (2, 0.0)]
    assert "map_at_r" in run.data.metrics
    assert run.data.params["goal.text"] == f"mend {HOSTILE}"
    assert run.data.tags["atlantis.thread_id"] == sent.run_id
    assert (run.info.status, len(trials)) == ("FINISHED", 2)
    assert {trial.data.params["seed"] for trial in trials} == {"1", "2"}
    assert {trial.data.tags["atlantis.arms"] for trial in trials} == {"candidate@1, candidate@2"}
    assert all("recall_at_1" in trial.data.metrics for trial in trials)


def test_files_lie_in_the_workspace(sent: Fabricated, stored: Any) -> None:
    mlflow = stored(sent.workspace)
    run, _ = mlflow.runs()
    names = {item.path for item in mlflow.client.list_artifacts(run.info.run_id)}
    assert names == {"report.html", "report.json", "protocols"}
    kept = sent.workspace.folder / "mlflow-artifacts" / run.info.run_id / "artifacts"
    assert json.loads((kept / "protocols" / "round-1.json").read_text())["id"] == "protocol1"
    assert HOSTILE not in (kept / "report.html").read_text()


def test_sent_twice_it_is_there_once(sent: Fabricated, stored: Any) -> None:
    before = stored(sent.workspace).rows()
    assert main(["trace", sent.run_id, "--to", "mlflow", "--workspace", str(sent.workspace.folder)]) == 0
    assert stored(sent.workspace).rows() == before


def test_a_persons_later_word_is_a_tag_and_no_second_figure(tmp_path: Path, stored: Any) -> None:
    made = fabricate(tmp_path)
    sending = ["trace", "last", "--to", "mlflow", "--workspace", str(made.workspace.folder)]
    assert main(sending) == 0
    run = made.workspace.runs.get("last")
    session = Session(made.workspace, run.id, run.spec)
    override_verdicts(session, (session.read(1, JournalKind.CANDIDATES) or ())[1:], kept=False)
    assert main(["report", "last", *sending[-2:]]) == 0
    assert main(sending) == 0
    sent, _ = stored(made.workspace).runs()
    assert stored(made.workspace).history(sent, "images_kept") == [(1, 3.0), (2, 3.0)]
    assert sent.data.tags["atlantis.hands_since"] == "round 1: 3 taken out by hand after it was measured"


def test_it_says_where_to_look(sent: Fabricated, stored: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(sent.workspace.folder)]) == 0
    said = capsys.readouterr().out
    assert f"mlflow ui --backend-store-uri 'sqlite:///{sent.workspace.folder / 'mlflow.db'}'" in said
    assert f"/traces?traceId={stored(sent.workspace).trace().info.trace_id}" in said


KILLED = """
import os, sqlite3, sys, time
from contextlib import closing
from pathlib import Path
from atlantis_dml.tracing.live import live_export
from tests.interface.conftest import begin

def spans(file):
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM spans").fetchone()[0]
    except sqlite3.OperationalError:
        return 0

session = begin(Path(sys.argv[1]))
workspace, target = session.workspace, sys.argv[2] or None
with live_export(workspace, workspace.runs.get(session.run_id), target, print):
    with workspace.events.span(session.run_id, "planner", "rules", {"round": 1, "steps": []}) as step:
        step.output = {"reason": "r", "calls": []}
    with workspace.events.span(session.run_id, "tool", "train_retriever", {"arm": "baseline"}, step.id):
        with workspace.events.span(session.run_id, "job", "training, seed 1", {"trial": "t", "seed": 1}):
            while target and spans(workspace.folder / "mlflow.db") < 4:
                time.sleep(0.1)
            os._exit(9)
"""


@pytest.mark.parametrize("live", ["", "mlflow"])
def test_a_killed_run_is_exported_as_far_as_it_came(tmp_path: Path, stored: Any, as_told: Any, live: str) -> None:
    root = Path(__file__).resolve().parents[3]
    command, here = [sys.executable, "-c", KILLED, str(tmp_path), live], {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=here, check=False, timeout=180)
    assert done.returncode == 9
    workspace = Workspace(tmp_path / "workspace")
    if live:
        assert stored(workspace).tree() == as_told(build_trace(workspace, "last"))
        assert stored(workspace).runs()[0].info.status == "RUNNING"
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(workspace.folder)]) == 0
    assert stored(workspace).tree() == as_told(build_trace(workspace, "last")) | {"status": "stopped"}
    run, _ = stored(workspace).runs()
    assert (run.info.status, run.data.tags["atlantis.status"]) == ("KILLED", "stopped")
    assert stored(workspace).trace().info.state == "IN_PROGRESS"


def test_a_workspace_that_moved_writes_nothing_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = fabricate(tmp_path)
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(made.workspace.folder)]) == 0
    made.workspace.folder.rename(tmp_path / "moved")
    assert main(["trace", "last", "--to", "mlflow", "--workspace", str(tmp_path / "moved")]) == 2
    assert "the workspace has moved" in capsys.readouterr().err
    assert not made.workspace.folder.exists()


@pytest.mark.parametrize(
    ("to", "wrong"),
    [
        ("langfuse", "known: mlflow"),
        ("mlflow:", "known: mlflow"),
        ("mlflow:localhost:5000", "is not an address"),
        ("mlflow:http://", "is not an address"),
        ("mlflow:http://me:secret@127.0.0.1:5000", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_a_wrong_target_is_one_line(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str], to: str, wrong: str
) -> None:
    for command in (["trace", "last", "--to", to], ["resume", "last", "--trace", to]):
        assert main([*command, "--workspace", str(fabricated.workspace.folder)]) == 2
        said = capsys.readouterr().err
        assert wrong in said
        assert "secret" not in said


def test_a_server_that_does_not_answer_is_told_before_the_report_is_drawn(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fabricated.workspace.folder
    assert main(["trace", "last", "--to", "mlflow:http://127.0.0.1:1", "--workspace", str(folder)]) == 2
    assert "MLflow at 'http://127.0.0.1:1' cannot be written to" in capsys.readouterr().err
    assert not list(folder.glob("runs/*/report.html"))


def test_without_mlflow_the_trace_is_there_and_the_export_says_what_to_install(fabricated: Fabricated) -> None:
    code = (
        "import sys; sys.modules['mlflow'] = None; from atlantis_dml.cli.main import run_as_program; run_as_program()"
    )
    command = [sys.executable, "-c", code, "trace", "last", "--workspace", str(fabricated.workspace.folder)]
    assert subprocess.run(command, capture_output=True, check=False, env=os.environ).returncode == 0
    done = subprocess.run([*command, "--to", "mlflow"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'atlantis-dml[trace]'" in done.stderr
    assert not (fabricated.workspace.folder / "mlflow.db").exists()


def test_a_long_training_arrives_whole(tmp_path: Path, reading: Any) -> None:
    """MLflow takes 1,000 points and 100 settings in one request."""
    losses = [Figure("loss", 1 / (1 + step), step, 1_700_000_000_000 + step) for step in range(2_500)]
    settings = {f"option.{number}": number for number in range(250)} | {"long": "x" * 10_000}
    target = resolve_target("mlflow", tmp_path)
    for _ in range(2):
        MlflowWriter(target).send_record(Record("k", "n", 0, 1, "done", settings, {"a": "b"}, losses))
    run, _ = reading(target.tracking_uri).runs()
    assert reading(target.tracking_uri).history(run, "loss") == [(figure.step, figure.value) for figure in losses]
    assert run.data.params == {name: str(value)[:6000] for name, value in settings.items()}
