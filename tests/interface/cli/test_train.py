"""`atlantis train` and `atlantis presets`, through the commands themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.learning.retriever import load_retriever
from atlantis_dml.cli.main import main
from tests.interface.conftest import QUICK


def test_seeds_are_trained_measured_and_found_again(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(photos), *QUICK, "--seeds", "2", "--workspace", str(tmp_path / "w"), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [trial["seed"] for trial in found["trials"]] == [0, 1]
    recalls = [trial["recall_at"]["1"] for trial in found["trials"]]
    assert found["recall_at_1"] == {
        "mean": pytest.approx(np.mean(recalls)),
        "sd": pytest.approx(np.std(recalls, ddof=1)),
    }
    assert found["recipe"]["classes_per_batch"] == 3
    assert found["recipe"]["steps"] == 4
    assert found["frozen"]["queries"] == found["queries"] == 6
    assert not found["chosen_on_queries"]
    stamp = Path(found["trials"][0]["path"], "model.json").stat().st_mtime_ns
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert Path(found["trials"][0]["path"], "model.json").stat().st_mtime_ns == stamp
    evaluate = ["evaluate", found["trials"][1]["id"], str(photos), "--workspace", str(tmp_path / "w"), "--json"]
    assert main(evaluate) == 0
    assert json.loads(capsys.readouterr().out)["recall_at"] == found["trials"][1]["recall_at"]


def test_a_collection_without_facets_is_measured(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in photos.glob("*/[0-4].png"):
        with Image.open(path) as photo:
            photo.point(lambda value: value // 5).save(path)
    place = ["--workspace", str(tmp_path / "w"), "--json"]
    assert main(["train", str(photos), *QUICK, *place]) == 0
    told = capsys.readouterr()
    assert "no metadata column is a facet; captioner 'attributes' gives: light" in told.err
    trained = json.loads(told.out)
    assert main(["evaluate", trained["trials"][0]["id"], str(photos), *place]) == 0
    told = capsys.readouterr()
    assert "no metadata column is a facet; captioner 'attributes' gives: light" in told.err
    found = json.loads(told.out)
    assert found["per_facet"].keys() == trained["measurement"]["per_facet"].keys() >= {"light"}
    assert {cell["facet"] for cell in found["per_cell"]} == found["per_facet"].keys()


@pytest.mark.parametrize(("lost", "words"), [("model.safetensors", "cannot be read"), ("model.json", "is missing")])
def test_a_checkpoint_that_was_lost_is_trained_again(
    lost: str, words: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words_typed = ["train", str(photos), *QUICK, "--workspace", str(tmp_path / "w"), "--json"]
    assert main(words_typed) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    picture, file = [next(photos.glob("*/*.png"))], Path(trial["path"], lost)
    wanted = load_retriever(trial["path"]).embed(picture)
    file.write_bytes(file.read_bytes()[:1000]) if words == "cannot be read" else file.unlink()
    evaluate = ["evaluate", trial["id"], str(photos), "--workspace", str(tmp_path / "w")]
    assert main(evaluate) == 2
    assert f"the checkpoint of trial '{trial['id']}' is lost: '{file}' {words}" in capsys.readouterr().err
    assert main(words_typed) == 0
    assert f"trial {trial['id']} is trained again: '{file}' {words}" in capsys.readouterr().err
    assert np.array_equal(load_retriever(trial["path"]).embed(picture), wanted)


def test_early_stop_says_what_it_chose_by(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = ["--set", "validate_every=2", "--set", "patience=1", "--set", "embedding=body"]
    assert main(["train", str(photos), *QUICK, *changed, "--workspace", str(tmp_path / "w")]) == 0
    assert "chosen on these same queries" in capsys.readouterr().out


def test_a_collection_that_was_moved_is_neither_trained_on_nor_measured_again(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*QUICK, "--set", "validate_every=2", "--workspace", str(tmp_path / "w"), "--json"]
    assert main(["train", str(photos), *words]) == 0
    before = json.loads(capsys.readouterr().out)
    moved = photos.rename(tmp_path / "moved")
    assert main(["train", str(moved), *words]) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["trials"] == before["trials"]
    assert len(list((tmp_path / "w" / "measurements").glob("*.npz"))) == 2  # frozen and trained


def test_a_model_trained_to_be_searched_by_its_body_is(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = ["--set", "embedding=body", "--set", "embed_dim=8", "--workspace", str(tmp_path / "w"), "--json"]
    assert main(["train", str(photos), *QUICK, *changed]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    picture = [next(photos.glob("*/*.png"))]
    assert load_retriever(trial["path"]).embed(picture).shape == (1, 128)
    assert load_retriever(trial["path"], "head").embed(picture).shape == (1, 8)
    assert load_retriever(trial["path"], "body").embed(picture).shape == (1, 128)


def test_trainings_that_diverge_are_a_line(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["--set", "lr_trunk=1e6", "--set", "lr_head=1e6", "--set", "warmup_steps=0"]
    assert main(["train", str(photos), *QUICK, *wild, "--workspace", str(tmp_path / "w")]) == 2
    answered = capsys.readouterr()
    assert "every training diverged (the loss " in answered.err
    assert "Traceback" not in answered.err


@pytest.mark.slow
def test_two_processes_train_and_one_speaks(photos: Path, tmp_path: Path) -> None:
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    launch = "--cpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no -m atlantis_dml.cli"
    words = [sys.executable, "-m", "accelerate.commands.launch", *launch.split(), "train", str(photos)]
    quick = ["--backbone", "scratch", "--preset", "smoke?steps=4&classes_per_batch=2&feed=online"]
    options = [*quick, "--workspace", str(tmp_path / "w"), "--json"]
    answer = subprocess.run([*words, *options], check=True, capture_output=True, text=True, env=settings, timeout=300)
    (trial,) = json.loads(answer.stdout)["trials"]
    assert load_retriever(trial["path"]).embed([next(photos.glob("*/*.png"))]).shape[0] == 1
