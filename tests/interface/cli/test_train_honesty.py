"""What a training's figures are worth: said in words, in JSON, and by the command that comes next."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_dml.cli.main import main
from tests.interface.conftest import QUICK


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
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(words) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("next: "))
    assert line == f"next: {found['next']}"
    program, *then = shlex.split(found["next"])
    assert (program, main([*then, "--json"])) == ("atlantis", 0)
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
    assert main(["train", *words, *QUICK, *split, *unseen, "--out", str(tmp_path / "handed-on")]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["trained_on"] == {"queries": 0, "of_queries": 16, "classes": 0, "of_classes": 2}
    trial = trained["trials"][0]["id"]
    assert shlex.split(trained["next"])[2] == str(tmp_path / "handed-on")
    assert main([*shlex.split(trained["next"])[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trained_on"] == trained["trained_on"]

    def measured(model: str, *more: str) -> dict[str, Any]:
        assert main(["evaluate", model, *words, *more]) == 0
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
    assert main(["evaluate", trial, *words[:-1]]) == 0
    assert f"{known} of {len(queries)} queries are images that the model was trained on" in capsys.readouterr().out
    other = ["--regime", "unseen", "--query", "split=train", "--gallery", "split=train"]
    assert main(["evaluate", trial, *words[:-1], *split, *other]) == 0
    assert "trained on 3 of the 3 query classes" in capsys.readouterr().out


def test_a_training_that_the_workspace_does_not_know_is_said_to_be_unknown(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(photos), *QUICK, "--workspace", str(tmp_path / "w"), "--json"]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    words = [str(photos), "--workspace", str(tmp_path / "other")]
    assert main(["evaluate", trial["path"], *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["training"], found["trained_on"]) == (trial["id"], None)
    assert main(["evaluate", trial["path"], *words]) == 0
    assert "Unknown whether the model was trained on these images" in capsys.readouterr().out
    assert main(["evaluate", "scratch", *words]) == 0
    assert "Unknown whether" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--split-column", "nonesuch"], "--split-column names the column 'nonesuch'"),
        (["--split-column", "visit"], "name another column with --split-column COLUMN"),
        (
            ["--split-column", "part", "--regime", "unseen", "--label", "visit"],
            "or name a --split-column that splits by class",
        ),
    ],
)
def test_advice_about_columns_names_the_option_that_evaluate_has(
    options: list[str], advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "harbor-student", str(named_otherwise(tmp_path / "photos")), *options]
    assert main(words) == 2
    assert advice in capsys.readouterr().err


def test_random_weights_are_only_measured_where_they_are_asked_for_and_are_called_so(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photos), "--workspace", str(tmp_path / "w")]
    assert main(["evaluate", "dino-vits16", *words, "--json"]) == 2
    refused = json.loads(capsys.readouterr().out)["error"]
    assert "no pretrained weights for 'dino-vits16'" in refused
    assert "scratch:dino-vits16 for random weights" in refused
    for model, weights in (("scratch:test_vit", "random"), ("harbor-student", "pretrained")):
        assert main(["evaluate", model, *words, "--json"]) == 0
        answered = capsys.readouterr()
        assert json.loads(answered.out)["weights"] == weights
        assert ("weights are random" in answered.err) == (weights == "random")
    assert main(["train", *words, *QUICK, "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert trained["weights"] == "random"
    assert main(["train", *words, *QUICK]) == 0
    assert "frozen (random weights)" in capsys.readouterr().out
    assert main([*shlex.split(trained["next"])[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == "trained"
    assert main(["diagnose", *words, "--frozen", "--backbone", "scratch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == "random"
