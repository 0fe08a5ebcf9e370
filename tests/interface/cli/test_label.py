"""`atlantis label`: a person is asked in the terminal, here through a pipe."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from atlantis_core.store.workspace import Workspace
from atlantis_dml.cli.main import main


def _type(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_person_names_photos_stops_and_goes_on(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "workspace"
    words = ["label", "harbor-tiny", "--pool", str(pool), "--workspace", str(folder), "--who", "Ann"]
    assert main([*words, "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    asked = before["questions"]
    assert before["answers"] == []
    assert all(Path(one["path"]).parent == pool for one in asked)

    _type(monkeypatch, "x", "u", "1", "s", "n", "u", "w", "", "w Fire Boat", "q")
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "'x' is not an answer" in said
    assert "you have given no answer that could be undone" in said
    assert "undone: none of these" in said
    assert f"2 answers kept, {len(asked) - 3} questions left" in said
    for one in asked[:4]:
        with Image.open(folder / "questions" / f"{one['image_id']}.jpg") as sheet:
            assert sheet.width > 600
    assert not (folder / "questions" / f"{asked[4]['image_id']}.jpg").exists()

    _type(monkeypatch, "1")  # the input ends: as q
    assert main([*words[:-1], "Bob"]) == 0
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    answers = {one["image_id"]: one for one in json.loads(capsys.readouterr().out)["answers"]}
    labels = [answers[one["image_id"]]["label"] for one in asked[:3]]
    assert labels == [asked[0]["likely"][0], "", "Fire Boat"]
    assert sorted(one["who"] for one in answers.values()) == ["Ann", "Ann", "Ann", "Bob"]

    file = tmp_path / "answers.csv"
    assert main([*words, "--export", str(file)]) == 0
    with file.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    assert {row["path"]: row["label"] for row in rows} == {one["path"]: one["label"] for one in answers.values()}
    assert all(row["when"] for row in rows)


def test_what_cannot_be_labelled_is_refused_in_one_line(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "workspace"
    Workspace(folder).runs.all()  # it has a database
    place = ["--workspace", str(folder)]
    for words, message in (
        (
            ["harbor-tiny"],
            "'harbor-tiny' is not a run; a collection needs a folder of unlabelled photos: --pool",
        ),
        (["last", "--pool", str(pool)], "run 'last' has a pool of its own; leave out --pool, or name a collection"),
        (["harbor-tiny", "--pool", str(tmp_path / "none")], "does not exist; check --pool FOLDER"),
        (["harbor-tiny", "--pool", str(pool), "--backbone", "scratch"], "the backbone has random weights"),
        (["last"], "no run"),
    ):
        assert main(["label", *words, *place]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
