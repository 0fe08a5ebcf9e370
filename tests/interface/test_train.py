"""`atlantis train` and `atlantis presets`, through the commands themselves."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import atlantis_dml
from atlantis_core.data.reading import ReadOptions, read_collection
from atlantis_core.errors import SetupError
from atlantis_core.learning.presets import PRESETS
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.retriever import load_retriever
from atlantis_dml.cli import _answer
from atlantis_dml.train_command import changed

QUICK = ["--backbone", "scratch", "--preset", "smoke", "--set", "steps=4", "--set", "classes_per_batch=3"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of coloured noise, ten photos each."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(("red", "green", "blue")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            pixels = draw.integers(0, 120, (40, 48, 3))
            pixels[..., number] += 100
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{index}.png")
    return tmp_path / "photos"


def test_seeds_are_trained_measured_and_found_again(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(photos), *QUICK, "--seeds", "2", "--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(words) == 0
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
    assert _answer(words) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert Path(found["trials"][0]["path"], "model.json").stat().st_mtime_ns == stamp
    evaluate = ["evaluate", found["trials"][1]["id"], str(photos), "--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(evaluate) == 0
    assert json.loads(capsys.readouterr().out)["recall_at"] == found["trials"][1]["recall_at"]


def test_a_collection_without_facets_is_measured(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in photos.glob("*/[0-4].png"):
        with Image.open(path) as photo:
            photo.point(lambda value: value // 5).save(path)
    place = ["--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(["train", str(photos), *QUICK, *place]) == 0
    told = capsys.readouterr()
    assert "no metadata column is a facet; captioner 'attributes' gives: light" in told.err
    trained = json.loads(told.out)
    assert _answer(["evaluate", trained["trials"][0]["id"], str(photos), *place]) == 0
    told = capsys.readouterr()
    assert "no metadata column is a facet; captioner 'attributes' gives: light" in told.err
    found = json.loads(told.out)
    assert found["per_facet"].keys() == trained["measurement"]["per_facet"].keys() >= {"light"}
    assert {cell["facet"] for cell in found["per_cell"]} == found["per_facet"].keys()


def named_otherwise(folder: Path) -> Path:
    """Write photos of five classes; the folder must be quoted, and no column has the name that is looked for."""
    draw = np.random.default_rng(1)
    folder.mkdir()
    rows = ["file_name,label,kind,part,visit"]
    for number in range(5):
        for index in range(8):
            name = f"{number}-{index}.png"
            Image.fromarray(draw.integers(0, 255, (40, 48, 3)).astype(np.uint8)).save(folder / name)
            part = "train" if number < 3 else "validation"
            rows.append(f"{name},shop,kind {number},{part},{index % 2}")
    (folder / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_the_next_command_asks_what_the_training_was_measured_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, workspace = named_otherwise(tmp_path / "my photos"), tmp_path / "a workspace"
    columns = ["--label", "kind", "--split", "part", "--facets", "visit", "--query", "visit=1"]
    words = ["train", str(photos), *QUICK, *columns, "--regime", "unseen", "--workspace", str(workspace)]
    assert _answer([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert _answer(words) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("next: "))
    assert line == f"next: {found['next']}"
    program, *then = shlex.split(found["next"])
    assert (program, _answer([*then, "--json"])) == ("atlantis", 0)
    measured = json.loads(capsys.readouterr().out)
    assert measured["queries"] == found["queries"] == 8
    assert measured["recall_at"] == found["trials"][0]["recall_at"]
    assert list(measured["per_facet"]) == ["visit"]


def test_photos_and_classes_that_were_trained_on_are_noticed_among_the_queries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, place = named_otherwise(tmp_path / "photos"), ["--workspace", str(tmp_path / "w")]
    words = [str(photos), "--label", "kind", *place, "--json"]
    split, unseen = ["--split-column", "part"], ["--regime", "unseen"]
    assert _answer(["train", *words, *QUICK, *split, *unseen, "--out", str(tmp_path / "handed-on")]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["trained_on"] == {"queries": 0, "of_queries": 16, "classes": 0, "of_classes": 2}
    trial = trained["trials"][0]["id"]
    assert shlex.split(trained["next"])[2] == str(tmp_path / "handed-on")
    assert _answer([*shlex.split(trained["next"])[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trained_on"] == trained["trained_on"]

    def measured(model: str, *more: str) -> dict[str, Any]:
        assert _answer(["evaluate", model, *words, *more]) == 0
        return json.loads(capsys.readouterr().out)

    assert measured(trial, *split, *unseen)["trained_on"] == trained["trained_on"]
    train_photos = {hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in photos.glob("[012]-*.png")}
    queries = read_collection(photos, ReadOptions("kind")).collection.of_split("validation")
    known = sum(query.id in train_photos for query in queries)
    assert known > 0
    for model in (trial, str(tmp_path / "handed-on")):
        found = measured(model)
        assert (found["training"], found["regime"]) == (trial, "seen")
        assert found["trained_on"] == {"queries": known, "of_queries": len(queries), "classes": 3, "of_classes": 5}
    assert _answer(["evaluate", trial, *words[:-1]]) == 0
    assert f"{known} of {len(queries)} queries are photos that it was trained on" in capsys.readouterr().out
    other = ["--regime", "unseen", "--query", "split=train", "--gallery", "split=train"]
    assert _answer(["evaluate", trial, *words[:-1], *split, *other]) == 0
    assert "3 of the 3 classes asked for were trained on" in capsys.readouterr().out


def test_a_training_that_the_workspace_does_not_know_is_said_to_be_unknown(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _answer(["train", str(photos), *QUICK, "--workspace", str(tmp_path / "w"), "--json"]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    words = [str(photos), "--workspace", str(tmp_path / "other")]
    assert _answer(["evaluate", trial["path"], *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["training"], found["trained_on"]) == (trial["id"], None)
    assert _answer(["evaluate", trial["path"], *words]) == 0
    assert "Not known: whether it was trained on these photos" in capsys.readouterr().out
    assert _answer(["evaluate", "scratch", *words]) == 0
    assert "Not known" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--split-column", "nonesuch"], "--split-column names the column 'nonesuch'"),
        (["--split-column", "visit"], "name another column with --split-column COLUMN"),
        (["--split-column", "part", "--regime", "unseen", "--label", "visit"], "or --split-column with one that"),
    ],
)
def test_advice_about_columns_names_the_option_that_evaluate_has(
    options: list[str], advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "harbor-student", str(named_otherwise(tmp_path / "photos")), *options]
    assert _answer(words) == 2
    assert advice in capsys.readouterr().err


def test_random_weights_are_only_measured_where_they_are_asked_for_and_are_called_so(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photos), "--workspace", str(tmp_path / "w")]
    assert _answer(["evaluate", "dino-vits16", *words, "--json"]) == 2
    refused = json.loads(capsys.readouterr().out)["error"]
    assert "no pretrained weights for 'dino-vits16'" in refused
    assert "scratch:dino-vits16 for random weights" in refused
    for model, weights in (("scratch:test_vit", "random"), ("harbor-student", "pretrained")):
        assert _answer(["evaluate", model, *words, "--json"]) == 0
        answered = capsys.readouterr()
        assert json.loads(answered.out)["weights"] == weights
        assert ("weights are random" in answered.err) == (weights == "random")
    assert _answer(["train", *words, *QUICK, "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["weights"] == "random"
    assert _answer(["train", *words, *QUICK]) == 0
    assert "frozen (random weights)" in capsys.readouterr().out
    assert _answer([*shlex.split(trained["next"])[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == "trained"
    assert _answer(["diagnose", *words, "--frozen", "--backbone", "scratch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == "random"


@pytest.mark.parametrize(("lost", "words"), [("model.safetensors", "cannot be read"), ("model.json", "is gone")])
def test_a_checkpoint_that_was_lost_is_trained_again(
    lost: str, words: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words_typed = ["train", str(photos), *QUICK, "--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(words_typed) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    picture, file = [next(photos.glob("*/*.png"))], Path(trial["path"], lost)
    wanted = load_retriever(trial["path"]).embed(picture)
    file.write_bytes(file.read_bytes()[:1000]) if words == "cannot be read" else file.unlink()
    evaluate = ["evaluate", trial["id"], str(photos), "--workspace", str(tmp_path / "w")]
    assert _answer(evaluate) == 2
    assert f"the checkpoint of trial '{trial['id']}' is lost: '{file}' {words}" in capsys.readouterr().err
    assert _answer(words_typed) == 0
    assert f"trial {trial['id']} is trained again: '{file}' {words}" in capsys.readouterr().err
    assert np.array_equal(load_retriever(trial["path"]).embed(picture), wanted)


def test_from_scratch_steps_that_were_set_stay_and_others_are_said_to_change(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(photos), "--backbone", "scratch", "--preset", "smoke", "--workspace", str(tmp_path / "w")]
    assert _answer([*words, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["recipe"]["steps"] == 24
    assert "from scratch the preset becomes steps=24 (not 8), trainable_fraction=1 (not 0.25)" in told.err
    own = ["--set", "steps=3", "--set", "trainable_fraction=0.5", "--set", "lr_trunk=1e-4"]
    assert _answer([*words, *own, "--json"]) == 0
    told = capsys.readouterr()
    recipe = json.loads(told.out)["recipe"]
    assert (recipe["steps"], recipe["trainable_fraction"], recipe["lr_trunk"]) == (3, 0.5, 1e-4)
    assert "from scratch the preset becomes" not in told.err


@pytest.mark.parametrize(
    ("asked", "had", "line"),
    [
        (16, 16, None),
        (64, 18, "embed_dim is 18, not 64: it cannot be more than there are training images"),
    ],
)
def test_fewer_dimensions_than_asked_for_are_said(
    asked: int, had: int, line: str | None, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*QUICK, "--set", f"embed_dim={asked}", "--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(["train", str(photos), *words]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["recipe"]["embed_dim"], found["trials"][0]["embed_dim"]) == (asked, had)
    assert line in told.err if line else "embed_dim" not in told.err


@pytest.mark.parametrize(("loss", "needs_pairs"), [("supcon", True), ("proxy_anchor", False)])
def test_classes_without_a_pair_are_named_where_the_loss_needs_pairs(
    loss: str, needs_pairs: bool, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        _answer(["scenario", "few-shot", str(photos), str(tmp_path / "one"), "--shots", "1", "--classes", "2"]) == 0
    )
    line = "classes of one training photo (2: 'blue', 'green') hold no pair of different photos"
    assert line in capsys.readouterr().err
    words = [*QUICK, "--set", f"loss={loss}", "--workspace", str(tmp_path / "w")]
    assert _answer(["train", str(tmp_path / "one"), *words]) == 0
    assert (line in capsys.readouterr().err) == needs_pairs


def test_early_stop_says_what_it_chose_by(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = ["--set", "validate_every=2", "--set", "patience=1", "--set", "embedding=body"]
    assert _answer(["train", str(photos), *QUICK, *changed, "--workspace", str(tmp_path / "w")]) == 0
    assert "chosen on these very queries" in capsys.readouterr().out


def test_a_collection_that_was_moved_is_neither_trained_on_nor_measured_again(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*QUICK, "--set", "validate_every=2", "--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(["train", str(photos), *words]) == 0
    before = json.loads(capsys.readouterr().out)
    moved = photos.rename(tmp_path / "moved")
    assert _answer(["train", str(moved), *words]) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["trials"] == before["trials"]
    assert len(list((tmp_path / "w" / "measurements").glob("*.npz"))) == 2  # frozen and trained


def test_a_model_trained_to_be_searched_by_its_body_is(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = ["--set", "embedding=body", "--set", "embed_dim=8", "--workspace", str(tmp_path / "w"), "--json"]
    assert _answer(["train", str(photos), *QUICK, *changed]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    picture = [next(photos.glob("*/*.png"))]
    assert load_retriever(trial["path"]).embed(picture).shape == (1, 128)
    assert load_retriever(trial["path"], "head").embed(picture).shape == (1, 8)
    assert load_retriever(trial["path"], "body").embed(picture).shape == (1, 128)


def test_trainings_that_diverge_are_a_line(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["--set", "lr_trunk=1e6", "--set", "lr_head=1e6", "--set", "warmup_steps=0"]
    assert _answer(["train", str(photos), *QUICK, *wild, "--workspace", str(tmp_path / "w")]) == 2
    answered = capsys.readouterr()
    assert "every training diverged (the loss is" in answered.err
    assert "Traceback" not in answered.err


def test_photos_that_a_model_cannot_tell_apart_are_said_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "grey").mkdir()
    rows = ["file_name,label,split"]
    for number in range(24):
        told = PngInfo()
        told.add_text("number", str(number))
        Image.new("RGB", (40, 40), "grey").save(tmp_path / "grey" / f"{number}.png", pnginfo=told)
        rows.append(f"{number}.png,{'ab'[number % 2]},{'train' if number < 12 else 'validation'}")
    (tmp_path / "grey" / "metadata.csv").write_text("\n".join(rows))
    kept = ["--workspace", str(tmp_path / "w")]
    assert _answer(["train", str(tmp_path / "grey"), *QUICK, *kept, "--set", "views=0"]) == 2
    error = capsys.readouterr().err
    alike = "embeddings of different photos are all alike, so nothing can be found by them"
    assert alike in " ".join(error.split())
    assert "every training diverged (all images have one embedding after the last step" in error
    assert _answer(["evaluate", "scratch:test_vit", str(tmp_path / "grey"), *kept]) == 0
    assert alike in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--set", "stepz=3"], "no setting 'stepz'; known: augmentation"),
        (["--set", "steps=many"], "steps is a whole number, not 'many'"),
        (["--set", "steps=0"], "steps is from 1"),
        (["--set", "steps"], "setting=value"),
        (["--set", "loss=supcon&steps=1"], "--set 'loss=supcon&steps=1' is more than one setting"),
        (["--set", "steps=5", "--set", "steps=6"], "steps is set twice, to '5' and '6'"),
        (["--preset", "cpu?steps=5&steps=6"], "steps is set twice"),
        (["--set", "patience=2"], "set validate_every too"),
        (["--set", "loss=supcon:"], "loss 'supcon:' has no option behind its colon; write 'supcon'"),
        (["--set", "head=sphere:,"], "write 'sphere'"),
        (["--set", "compiled=perhaps"], "compiled is true or false"),
        (["--set", "loss=none"], "loss 'none'"),
        (["--set", "loss=math:pi"], "loss 'math:pi' is no class; known: hyperbolic_pairs, "),
        (["--set", "loss=os:path"], "loss 'os:path' is no class"),
        (["--set", "loss=math:floor"], "loss 'math:floor' is no class"),
        (
            ["--set", "loss=json:JSONEncoder"],
            "lacks build, head, needs_pairs: it is no LossOptions (atl",
        ),
        (["--set", "head=fractions:Fraction"], "head 'fractions:Fraction' lacks distance, kind, nearness"),
        (["--set", "lr_trunk=1e300"], "lr_trunk is from 0 to 1,000,000, not 1e+300"),
        (["--set", "lr_head=1e300"], "lr_head is from 0 to 1,000,000, not 1e+300"),
        (["--set", "loss=proxy_anchor:lr=1e300"], "lr must be above 0 and at most 1,000,000, not 1e+300"),
        (["--set", "loss=multi_similarity:epsilon=1e300"], "epsilon must be above -2 and at most 2"),
        (["--set", "loss=hyperbolic_pairs"], "needs head 'hyperbolic'"),
        (["--set", "images_per_class=1"], "loss 'supcon' learns from pairs of a class: images_per_class must be 2"),
        (["--set", "augmentation=none"], "augmentation 'none'"),
        (["--preset", "huge"], "unknown preset 'huge'; known: auto, cpu, full"),
        (["--preset", "cpu?head=flat"], "head 'flat'"),
        (["--seeds", "0"], "greater than"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _answer(["train", str(photos), *arguments, "--workspace", str(tmp_path / "w")]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.out == ""


def test_a_mapping_of_settings_smuggles_no_other_in(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="more than one setting"):
        atlantis_dml.train(photos, "smoke", settings={"loss": "supcon&steps=1"}, workspace=tmp_path / "w")


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        ("cpu", "cpu?steps=6"),
        ("cpu?steps=5", "cpu?steps=6"),
        ("cpu? steps =5&loss=triplet:margin=0.1", "cpu?loss=triplet:margin=0.1&steps=6"),
    ],
)
def test_a_setting_replaces_what_the_preset_came_with(preset: str, text: str) -> None:
    assert changed(preset, ["steps=6"]) == text


def test_presets_are_listed_with_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert _answer(["presets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == PRESETS.keys()
    assert {name for recipe in found.values() for name in recipe} == {item.name for item in fields(Recipe)}
    assert _answer(["presets"]) == 0
    assert "images_per_class" in capsys.readouterr().out


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
