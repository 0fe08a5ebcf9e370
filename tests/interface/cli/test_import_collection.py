"""`atlantis import`, through the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlantis_dml.cli.main import main
from tests.atlantis_core.data.sample_images import class_folders
from tests.atlantis_core.importing import layouts


def test_one_object_says_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = layouts.cub(tmp_path / "CUB_200_2011"), tmp_path / "birds"
    assert main(["import", "cub", str(source), str(target), "--split", "zero-shot", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["folder"], told["images"], told["classes"]) == (str(target), 12, 4)
    assert (told["splits"], told["regime"], told["columns"]) == ({"train": 6, "test": 6}, "unseen", [])


def test_a_person_reads_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "sop", str(layouts.sop(tmp_path / "src")), str(tmp_path / "my out")]) == 0
    answered = capsys.readouterr()
    assert "8 photos of 4 classes" in answered.out
    assert "other columns: super_class" in answered.out
    assert f"next: atlantis diagnose '{tmp_path / 'my out'}' --regime unseen" in answered.out
    assert "120,053" in answered.err


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        (("train/a", "train/b", "val/a", "val/b"), "splits: train 4, validation 4\n"),
        (
            ("train/a", "train/b", "test/a", "test/b"),
            "; validation is taken out of train when the collection is read\n",
        ),
        (("a", "b"), "splits: none given; they are drawn when the collection is read\n"),
    ],
)
def test_only_splits_that_are_not_given_are_said_to_be_made(
    folders: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = class_folders(tmp_path / "src", dict.fromkeys(folders, 2))
    assert main(["import", "folder", str(source), str(tmp_path / "out")]) == 0
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["cub", "SRC", "OUT"], "images.txt"),
        (["dvd", "SRC", "OUT"], "'dvd'"),
        (["folder", "/no/such", "OUT"], "/no/such"),
        (["folder", "SRC", "SRC"], "already exists"),
        (["folder", "SRC", "OUT", "--split", "random"], "'random'"),
        (["folder", "SRC", "OUT", "--label", "x"], "--label"),
        (["folder", "SRC"], "DEST"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], culprit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "src").mkdir()
    named = {"SRC": str(tmp_path / "src"), "OUT": str(tmp_path / "out")}
    assert main(["import", *(named.get(argument, argument) for argument in arguments)]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.err.count("\n") == 1
    assert answered.out == ""
    assert not (tmp_path / "out").exists()
