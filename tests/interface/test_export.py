"""`atlantis export`, and the same from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import atlantis_dml
from atlantis_core.errors import SetupError
from atlantis_dml.cli import _answer
from tests.interface.conftest import write_picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of ten photos."""
    for number in range(30):
        write_picture(tmp_path / "photos" / f"class{number % 3}" / f"{number}.png", number)
    return tmp_path / "photos"


def test_from_photos_to_a_folder_to_hand_on(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--workspace", str(tmp_path / "w")]
    changed = ["--backbone", "scratch", "--preset", "smoke?steps=2"]
    assert _answer(["train", str(photos), *changed, *place, "--json"]) == 0
    (trial,) = json.loads(capsys.readouterr().out)["trials"]
    assert _answer(["export", trial["id"][:8], str(tmp_path / "out"), *place, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "folder": str(tmp_path / "out"),
        "files": ["README.md", "model.json", "model.safetensors"],
        "onnx_differs": None,
    }
    assert f"| Recall@1 | {trial['recall_at']['1']:.3f} |" in (tmp_path / "out" / "README.md").read_text()
    assert _answer(["evaluate", str(tmp_path / "out"), str(photos), *place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recall_at"] == trial["recall_at"]
    assert _answer(["export", trial["id"], str(tmp_path / "out"), *place]) == 2
    assert "is there already" in capsys.readouterr().err
    assert _answer(["export", "nonesuch", str(tmp_path / "no"), *place]) == 2
    assert "unknown backbone 'nonesuch'" in capsys.readouterr().err


def test_python_says_what_the_commands_say(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = tmp_path / "w"
    found = atlantis_dml.train(photos, "smoke?steps=2", backbone="scratch", seeds=2, workspace=workspace)
    capsys.readouterr()
    again = ["train", str(photos), "--preset", "smoke?steps=2", "--backbone", "scratch", "--seeds", "2"]
    assert _answer([*again, "--workspace", str(workspace), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    trial = found["trials"][1]
    measured = atlantis_dml.evaluate(trial["id"], photos, at=(1, 2, 4, 8), workspace=workspace)
    assert measured["recall_at"] == trial["recall_at"]
    attacked = atlantis_dml.evaluate(trial["id"], photos, attack="fgsm", epsilon=8, workspace=workspace)
    assert attacked["robust"]["epsilon"] == 8
    written = atlantis_dml.export(trial["id"], tmp_path / "out", workspace=workspace)
    assert written == tmp_path / "out"
    picture = [next(photos.glob("*/*.png"))]
    assert (atlantis_dml.load_retriever(written).embed(picture)).shape == (
        1,
        18,
    )  # no more dimensions than training photos
    with pytest.raises(SetupError, match="no setting 'stepz'"):
        atlantis_dml.train(photos, "smoke?stepz=2", workspace=workspace)
    assert capsys.readouterr().out == ""
