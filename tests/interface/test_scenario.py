"""`atlantis scenario` and what `atlantis evaluate` was taught beside it, through the commands themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_dml.cli import _answer


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four classes of coloured stripes, ten photos each."""
    draw = np.random.default_rng(0)
    for number in range(4):
        (tmp_path / "photos" / f"class{number}").mkdir(parents=True)
        for index in range(10):
            pixels = draw.integers(0, 120, (40, 48, 3))
            pixels[:: 2 + number, :, number % 3] += 100
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / f"class{number}" / f"{index}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("words", "train"),
    [
        (["zero-shot", "DATA", "DEST"], 20),
        (["full-shot", "DATA", "DEST"], 20),
        (["few-shot", "DATA", "DEST", "--shots", "2", "--classes", "1"], 20),
        (["imbalanced", "DATA", "DEST", "--classes", "1", "--keep", "1", "--seed", "5"], 19),
        (["merge", "DATA", "DATA", "DEST", "--ratio", "0.5"], 36),
    ],
)
def test_every_scenario_is_one_command(
    words: list[str], train: int, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"DATA": str(photos), "DEST": str(tmp_path / "new")}
    assert _answer(["scenario", *(named.get(word, word) for word in words), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scenario"], found["splits"]["train"]) == (words[0], train)
    assert found["folder"] == str(tmp_path / "new")
    assert (tmp_path / "new" / "scenario.json").is_file()


def test_attacked_photos_are_found_less(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--workspace", str(tmp_path / "w")]
    made = ["scenario", "adversarial", str(photos), str(tmp_path / "new"), "--model", "scratch", "--epsilon", "40"]
    assert _answer([*made, *place]) == 0
    assert "next: atlantis train" in capsys.readouterr().out
    recalls = []
    for folder in (photos, tmp_path / "new"):
        assert _answer(["evaluate", "scratch", str(folder), *place, "--json"]) == 0
        recalls.append(json.loads(capsys.readouterr().out)["map_at_r"])
    assert recalls[1] < recalls[0]


def test_a_scenario_without_a_name_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert _answer(["scenario"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("zero-shot", "domain-scarce", "adversarial", "merge"))


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["few-shot", "/no/such", "DEST"], "/no/such"),
        (["few-shot", "DATA", "DATA"], "is there already"),
        (["few-shot", "DATA", "DEST", "--shots", "0"], "shots must be above 0"),
        (["domain-scarce", "DATA", "DEST", "--facet", "light=night"], "columns: none"),
        (["domain-scarce", "DATA", "DEST"], "--facet"),
        (["adversarial", "DATA", "DEST", "--model", "scratch", "--attack", "cw"], "fgsm, pgd"),
        (["adversarial", "DATA", "DEST", "--model", "scratch", "--attacked", "test"], "unknown --attacked 'test'"),
        (["adversarial", "DATA", "DEST", "--model", "nonesuch"], "unknown backbone 'nonesuch'"),
        (["merge", "DATA", "DATA", "DEST", "--per-class", "-1"], "per_class is 0 or more"),
        (["thousand-shot", "DATA", "DEST"], "thousand-shot"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"DATA": str(photos), "DEST": str(tmp_path / "new")}
    assert _answer(["scenario", *(named.get(word, word) for word in words)]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.out == ""
    assert not (tmp_path / "new").exists()


def test_evaluate_answers_every_question(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "scratch", str(photos), "--workspace", str(tmp_path / "w")]
    asked = ["--at", "1,5,20", "--nmi", "--attack", "pgd", "--epsilon", "30", "--attack-steps", "3"]
    assert _answer([*words, *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["recall_at"]) == ["1", "5", "20"] == list(found["robust"]["recall_at"])
    assert (found["embedding"], found["distance"]) == ("body", "cosine")
    assert found["robust"]["map_at_r"] < found["map_at_r"]
    assert _answer([*words, *asked, "--distance", "euclidean"]) == 0
    shown = capsys.readouterr().out
    assert "R@20" in shown
    assert "Under attack (pgd, epsilon 30 of 255, 3 steps)" in shown
    assert "NMI" in shown


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["--at", "1,many"], "--at '1,many'"),
        (["--at", "0"], "--at"),
        (["--distance", "manhattan"], "manhattan"),
        (["--embedding", "head"], "has no head"),
        (["--embedding", "tail"], "head, body"),
        (["--leave-out", "visit"], "'visit', which no query has"),
        (["--attack", "cw"], "fgsm, pgd"),
        (["--attack", "pgd", "--epsilon", "300"], "pixel units"),
    ],
)
def test_a_question_without_sense_is_one_line(
    words: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _answer(["evaluate", "scratch", str(photos), "--workspace", str(tmp_path / "w"), *words]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.out == ""
