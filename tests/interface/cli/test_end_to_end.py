"""The whole loop through the command line on the tiny bundled world: waits, is approved, tested, used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlantis_core.store.workspace import Workspace
from atlantis_dml import load_retriever
from atlantis_dml.cli.main import main


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # langgraph's injected runtime
def test_a_run_waits_is_approved_tested_once_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["run", "harbor-tiny", "--goal", "mend it", "--budget-images", "8", "--rounds", "1", "--seeds", "1"]
    asked += ["--remedies", "generate"]
    assert main([*asked, "--json"]) == 3
    waiting = json.loads(capsys.readouterr().out)
    assert waiting["status"] == "waiting"
    assert waiting["question"]["images"] <= 8
    assert waiting["spent"]["images"] == 0, "nothing is spent before somebody approves"

    assert main(["resume", "last", "--approve", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["run_id"] == waiting["run_id"]
    assert done["rounds"][0]["images"]["made"] == waiting["question"]["images"]
    assert Path(done["report_path"]).is_file()

    assert main(["test", "last", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["test", "last", "--json"]) == 0
    answered = capsys.readouterr()
    again = json.loads(answered.out)
    assert "was opened at" in answered.err
    assert (first.pop("opened_before"), again.pop("opened_before")) == (False, True)
    assert first == again
    (trial, *_) = Workspace(tmp_path / "workspace").trials.matching("")
    assert main(["test", trial]) == 2
    assert f"is of a run; its test split opens by: atlantis test {done['run_id']}" in capsys.readouterr().err

    assert main(["evaluate", "last", "harbor-tiny", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["queries"] == done["final"]["queries"]
    assert measured["recall_at"]["1"] == pytest.approx(done["final"]["recall_at"]["1"], abs=0.02)

    picture = next((tmp_path / "workspace" / "collections").rglob("*.png"))
    vectors = load_retriever(done["run_id"]).embed([picture, picture])
    assert vectors.shape[0] == 2
    assert (vectors**2).sum(axis=1) == pytest.approx([1.0, 1.0], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_diagnose_names_the_planted_gap(frozen: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "harbor-tiny", "--json", *(["--frozen"] if frozen else [])]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["classes"] == 8
    counts, files = found["counts"], found["files"]
    assert files["used"] == counts["train"] + counts["validation"] + counts["test"]
    assert files["found"] == files["used"] + sum(files["left_out"].values())
    assert set(found["not_facets"]) == {"vessel", "hull", "trim"}
    assert (found["model"] == "frozen") is frozen
    if not frozen:
        worst = found["gaps"][0]
        assert (worst["class"].partition("-")[0], worst["value"]) == ("trawler", "night")
    assert main(["diagnose", "harbor-tiny", *(["--frozen"] if frozen else [])]) == 0
    shown = capsys.readouterr().out
    assert "not a facet: hull" in shown
    assert f"Files: {files['found']:,} found = {files['used']:,} used" in shown


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
def test_a_run_draws_with_the_bundled_pipeline_and_listens_to_the_bundled_captioner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["run", "harbor-tiny", "--goal", "mend it", "--budget-images", "8", "--rounds", "1", "--seeds", "1"]
    asked += ["--remedies", "generate"]
    models = ["--generator", "diffusion:harbor", "--captioner", "transformers:harbor"]
    assert main([*asked, *models, "--auto", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    workspace = Workspace(tmp_path / "workspace")
    entries = workspace.journal.rounds(done["run_id"])[1]
    heard = entries["caption_check"]["agreements"]
    assert heard
    assert all(one["trusted"] for one in heard), "the captioner knows this world"
    made = list(workspace.candidates.find(entries["candidates"]).values())
    assert len(made) == 8
    assert {one.settings["model"] for one in made} == {"harbor"}
    assert len({one.settings["sha256"] for one in made}) == 1
    assert all(one.cell.class_name in one.prompt for one in made)
