"""`atlantis test` of trainings outside of runs: the sealed split opens once and on the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_core.workflows.test import PUBLISHED_KS
from atlantis_dml import load_retriever
from atlantis_dml.cli.main import main
from tests.interface.conftest import QUICK, write_picture

CLASSES = ("tug", "ferry", "sloop")
SPLITS = ("train", "train", "train", "train", "validation", "validation", "test", "test", "test")

Capture = pytest.CaptureFixture[str]


def write_photos(folder: Path, first: int = 0) -> Path:
    """Write nine photos of each class with their splits in a metadata file."""
    rows = ["file_name,label,split"]
    for place, label in enumerate(CLASSES):
        for number, split in enumerate(SPLITS):
            name = f"{label}-{number}-{split}.png"
            write_picture(folder / name, first + place * 100 + number)
            rows.append(f"{name},{label},{split}")
    (folder / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def trained(photos: Path, capsys: Capture, *more: str) -> list[str]:
    assert main(["train", str(photos), *QUICK, *more, "--json"]) == 0
    return [trial["id"] for trial in json.loads(capsys.readouterr().out)["trials"]]


def looked(names: list[str], capsys: Capture) -> tuple[dict[str, Any], str]:
    assert main(["test", *names, "--json"]) == 0
    answered = capsys.readouterr()
    return json.loads(answered.out), answered.err


def recall_at_1(trial: str, photos: Path) -> float:
    """Ask the test photos among the training photos, one product and no code of ours but the model."""
    asked, searched = (sorted(photos.glob(f"*-{split}.png")) for split in ("test", "train"))
    retriever = load_retriever(trial)
    nearest = (retriever.embed(asked) @ retriever.embed(searched).T).argmax(axis=1)
    same = [
        searched[row].name.split("-")[0] == one.name.split("-")[0] for one, row in zip(asked, nearest, strict=True)
    ]
    return float(np.mean(same))


def test_seeds_are_measured_on_the_test_split_together_and_only_once(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos")
    trials = trained(photos, capsys, "--seeds", "2")
    found, said = looked(trials, capsys)
    assert said.count("is open now, once and for all; this is recorded") == 2
    assert [row["recall_at"]["1"] for row in found["trials"]] == [recall_at_1(trial, photos) for trial in trials]
    assert found["recall_at_1"]["mean"] == pytest.approx(np.mean([recall_at_1(trial, photos) for trial in trials]))
    assert list(found["trials"][0]["recall_at"]) == [str(k) for k in PUBLISHED_KS]
    assert (found["queries"], found["regime"], found["opened_by"]) == (9, "seen", [])
    assert found["frozen"]["queries"] == 9

    again, said = looked(trials, capsys)
    assert said.count("was opened at") == 2
    assert [row.pop("opened_before") for row in (*found["trials"], *again["trials"])] == [False, False, True, True]
    assert again == found


def test_who_looks_after_another_training_did_is_told_so(tmp_path: Path, capsys: Capture) -> None:
    photos = write_photos(tmp_path / "photos")
    (first,) = trained(photos, capsys)
    (second,) = trained(photos, capsys, "--seed", "5")
    looked([first], capsys)
    found, said = looked([second], capsys)
    assert found["opened_by"] == [first]
    assert f"({first} opened the same split before, so this is not a first look)" in said
    assert main(["test", first, second]) == 0
    assert "Recall@1" in capsys.readouterr().out


def test_what_cannot_be_tested_opens_nothing(tmp_path: Path, capsys: Capture) -> None:
    (first,) = trained(write_photos(tmp_path / "photos"), capsys)
    for names, told in (
        ([first, "nonesuch"], "no trial 'nonesuch'"),
        (["abcdef012345"], "no trial 'abcdef012345'"),
    ):
        assert main(["test", *names]) == 2
        assert told in capsys.readouterr().err
    (seen,) = trained(write_photos(tmp_path / "others", first=50), capsys)
    assert main(["test", first, seen]) == 2
    assert "trained on different collections" in capsys.readouterr().err
    found, _ = looked([first], capsys)
    assert (found["trials"][0]["opened_before"], len(found["trials"][0]["opened"])) == (False, 1)
