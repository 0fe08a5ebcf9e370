"""`atlantis filter`, through the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from atlantis_dml.cli.main import main


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([3, 5, 8]), 12)
    points = (np.eye(3, 5)[[0] * 12 + [1] * 12 + [2] * 12] + 0.1 * rng.standard_normal((36, 5))).astype(np.float32)
    np.savez(tmp_path / "real.npz", embeddings=points, labels=labels)
    claimed = np.array([3, 5, 8, 3])  # the last lies in class 5
    np.savez(tmp_path / "made.npz", embeddings=points[[0, 12, 24, 13]], labels=claimed)
    return [str(tmp_path / "real.npz"), str(tmp_path / "made.npz")]


@pytest.mark.parametrize("scorer", ["auto", "centre_ratio", "margin", "knn", "lof", "isolation", "risk"])
def test_the_wrong_one_is_rejected_with_reason_and_score(
    scorer: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["filter", *files, "--scorer", scorer, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kept"] == [0, 1, 2]
    (rejected,) = found["rejected"]
    assert rejected.keys() == {"index", "reason", "score"}
    assert rejected["index"] == 3
    assert rejected["score"] > found["threshold"]
    assert rejected["reason"].startswith(f"outlier: {found['scorer']} ")
    assert found["nearest_own_class"] == {"made": 0.75, "kept": 1.0}


def test_the_chosen_scorer_and_threshold_give_the_same_again(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["filter", *files, "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)
    again = ["--scorer", chosen["scorer"], "--threshold", repr(chosen["threshold"])]
    assert main(["filter", *files, *again, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == chosen


def test_a_person_reads_three_facts(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", *files]) == 0
    shown = capsys.readouterr().out
    assert "kept 3 of 4" in shown
    assert "75.0% of the synthetic images, 100.0% of the kept ones" in shown
    assert "3 (" in shown


def test_a_quota_keeps_so_many_of_a_class(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", files[0], files[0], "--quota", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    labels = np.load(files[0])["labels"]
    assert np.bincount(labels[found["kept"]])[[3, 5, 8]].tolist() == [5, 5, 5]
    assert {one["reason"] for one in found["rejected"]} == {
        "quota: beyond 5 images of its class; the kept ones represent it"
    }


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["REAL", "/no/such.npz"], "/no/such.npz"),
        (["REAL", "MADE", "--scorer", "critic"], "'critic'"),
        (["REAL", "MADE", "--scorer", "math:pi"], "scorer 'math:pi' is not a class; known: centre_ratio, isolation"),
        (
            ["REAL", "MADE", "--scorer", "json:JSONEncoder"],
            "has no fit, name, score, threshold: it does not implement ",
        ),
        (["REAL", "MADE", "--scorer", "datetime:date"], "scorer 'datetime:date' cannot be built without arguments"),
        (["REAL", "MADE", "--threshold", "-1"], "threshold -1.0 is not"),
        (["REAL", "MADE", "--threshold", "nan"], "threshold nan is not"),
        (["REAL", "MADE", "--quota", "0"], "quota 0 is not a number of images a class; give 1 or more"),
        (["MADE", "REAL", "--scorer", "lof", "--threshold", "x"], "--threshold"),
        (["REAL"], "SYNTH.npz"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], culprit: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"REAL": files[0], "MADE": files[1]}
    assert main(["filter", *(named.get(argument, argument) for argument in arguments)]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.err.count("\n") == 1
    assert answered.out == ""
