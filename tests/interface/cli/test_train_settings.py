"""Settings of `atlantis train`: what is refused, what is said to do nothing, what stays as it was set."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import atlantis_dml
from atlantis_core.base.errors import SetupError
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.presets import PRESETS
from atlantis_dml.app.train import apply_settings
from atlantis_dml.cli.main import main
from tests.interface.conftest import QUICK


def test_from_scratch_steps_that_were_set_stay_and_others_are_said_to_change(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(photos), "--backbone", "scratch", "--preset", "smoke", "--workspace", str(tmp_path / "w")]
    assert main([*words, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["recipe"]["steps"] == 24
    assert "training from scratch uses steps=24 (not 8), trainable_fraction=1 (not 0.25)" in told.err
    own = ["--set", "steps=3", "--set", "trainable_fraction=0.5", "--set", "lr_trunk=1e-4"]
    assert main([*words, *own, "--json"]) == 0
    told = capsys.readouterr()
    recipe = json.loads(told.out)["recipe"]
    assert (recipe["steps"], recipe["trainable_fraction"], recipe["lr_trunk"]) == (3, 0.5, 1e-4)
    assert "training from scratch uses" not in told.err


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
    assert main(["train", str(photos), *words]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["recipe"]["embed_dim"], found["trials"][0]["embed_dim"]) == (asked, had)
    assert line in told.err if line else "embed_dim" not in told.err


def test_dimensions_that_nobody_asked_for_are_not_missed(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(photos), *QUICK, "--workspace", str(tmp_path / "w"), "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["trials"][0]["embed_dim"] < found["recipe"]["embed_dim"]
    assert "embed_dim" not in told.err


@pytest.mark.parametrize(("loss", "needs_pairs"), [("supcon", True), ("proxy_anchor", False)])
def test_classes_without_a_pair_are_named_where_the_loss_needs_pairs(
    loss: str, needs_pairs: bool, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scenario", "few-shot", str(photos), str(tmp_path / "one"), "--shots", "1", "--classes", "2"]) == 0
    line = "classes of one training photo (2: 'blue', 'green') have no pair of different photos"
    assert line in capsys.readouterr().err
    words = [*QUICK, "--set", f"loss={loss}", "--workspace", str(tmp_path / "w")]
    assert main(["train", str(tmp_path / "one"), *words]) == 0
    assert (line in capsys.readouterr().err) == needs_pairs


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
    assert main(["train", str(tmp_path / "grey"), *QUICK, *kept, "--set", "views=0"]) == 2
    error = capsys.readouterr().err
    alike = "the model gives different images the same embedding, so a search cannot tell them apart"
    assert alike in " ".join(error.split())
    assert "every training diverged (the embeddings collapsed" in error
    assert main(["evaluate", "scratch:test_vit", str(tmp_path / "grey"), *kept]) == 0
    assert alike in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--set", "stepz=3"], "no option 'stepz'; known: attack"),
        (["--set", "steps=many"], "steps is a whole number, not 'many'"),
        (["--set", "steps=0"], "steps must be from 1"),
        (["--set", "steps"], "option=value"),
        (["--set", "loss=supcon&steps=1"], "--set 'loss=supcon&steps=1' is more than one setting"),
        (["--set", "steps=5", "--set", "steps=6"], "steps is set twice, to '5' and '6'"),
        (["--preset", "cpu?steps=5&steps=6"], "steps is set twice"),
        (["--set", "patience=2"], "set validate_every too"),
        (["--set", "loss=supcon:"], "loss 'supcon:' has no option behind its colon; write 'supcon'"),
        (["--set", "head=sphere:,"], "write 'sphere'"),
        (["--set", "compiled=perhaps"], "compiled is true or false"),
        (["--set", "loss=none"], "loss 'none'"),
        (["--set", "loss=math:pi"], "loss 'math:pi' is not a class; known: hyperbolic_pairs, "),
        (["--set", "loss=os:path"], "loss 'os:path' is not a class"),
        (["--set", "loss=math:floor"], "loss 'math:floor' is not a class"),
        (
            ["--set", "loss=json:JSONEncoder"],
            "has no build, head, needs_pairs: it does not implement LossOptions (atl",
        ),
        (["--set", "head=fractions:Fraction"], "head 'fractions:Fraction' has no distance, kind, nearness"),
        (["--set", "lr_trunk=1e300"], "lr_trunk must be from 0 to 1,000,000, not 1e+300"),
        (["--set", "lr_head=1e300"], "lr_head must be from 0 to 1,000,000, not 1e+300"),
        (["--set", "loss=proxy_anchor:lr=1e300"], "lr must be above 0 and at most 1,000,000, not 1e+300"),
        (["--set", "loss=multi_similarity:epsilon=1e300"], "epsilon must be above -2 and at most 2"),
        (["--set", "loss=hyperbolic_pairs"], "needs head 'hyperbolic'"),
        (["--set", "images_per_class=1"], "loss 'supcon' needs pairs of a class: set images_per_class to 2"),
        (["--set", "augmentation=none"], "augmentation 'none'"),
        (["--preset", "huge"], "unknown preset 'huge'; known: auto, cpu, full"),
        (["--preset", "cpu?head=flat"], "head 'flat'"),
        (["--seeds", "0"], "greater than"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(photos), *arguments, "--workspace", str(tmp_path / "w")]) == 2
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
    assert apply_settings(preset, ["steps=6"]) == text


def test_presets_are_listed_with_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == PRESETS.keys()
    assert {name for recipe in found.values() for name in recipe} == {item.name for item in fields(Recipe)}
    assert main(["presets"]) == 0
    assert "images_per_class" in capsys.readouterr().out
