"""`atlantis scenario` and what `atlantis evaluate` was taught beside it, through the commands themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_dml.cli.main import main
from atlantis_dml.views.measurements import show_evaluation


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four classes of coloured stripes, ten photos each."""
    return striped(tmp_path / "photos", 10, 0)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Other pictures of the same classes."""
    return striped(tmp_path / "made", 4, 1)


def striped(folder: Path, count: int, seed: int) -> Path:
    draw = np.random.default_rng(seed)
    for number in range(4):
        (folder / f"class{number}").mkdir(parents=True)
        for index in range(count):
            pixels = draw.integers(0, 120, (40, 48, 3))
            pixels[:: 2 + number, :, number % 3] += 100
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"class{number}" / f"{index}.png")
    return folder


@pytest.mark.parametrize(
    ("words", "train"),
    [
        (["zero-shot", "DATA", "DEST"], 20),
        (["full-shot", "DATA", "DEST"], 20),
        (["few-shot", "DATA", "DEST", "--shots", "2", "--classes", "1"], 20),
        (["imbalanced", "DATA", "DEST", "--classes", "1", "--keep", "1", "--seed", "5"], 19),
        (["merge", "DATA", "MADE", "DEST", "--ratio", "0.5"], 36),
        (["merge", "DATA", "MADE", "DEST", "--upto", "8"], 32),
    ],
)
def test_every_scenario_is_one_command(
    words: list[str], train: int, photos: Path, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"DATA": str(photos), "MADE": str(made), "DEST": str(tmp_path / "new")}
    assert main(["scenario", *(named.get(word, word) for word in words), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scenario"], found["splits"]["train"]) == (words[0], train)
    assert found["folder"] == str(tmp_path / "new")
    assert (tmp_path / "new" / "scenario.json").is_file()


def test_attacked_photos_are_found_less(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--workspace", str(tmp_path / "a w")]
    made = ["scenario", "adversarial", str(photos), str(tmp_path / "new"), "--model", "scratch", "--epsilon", "40"]
    assert main([*made, *place]) == 0
    then = f"next: atlantis evaluate scratch {tmp_path / 'new'} --workspace '{tmp_path / 'a w'}'"
    assert then in capsys.readouterr().out
    recalls = []
    for folder in (photos, tmp_path / "new"):
        assert main(["evaluate", "scratch", str(folder), *place, "--json"]) == 0
        recalls.append(json.loads(capsys.readouterr().out)["map_at_r"])
    assert recalls[1] < recalls[0]


def test_a_scenario_without_a_name_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("zero-shot", "domain-scarce", "adversarial", "merge"))


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["few-shot", "/no/such", "DEST"], "/no/such"),
        (["few-shot", "DATA", "DATA"], "already exists"),
        (["few-shot", "DATA", "DEST", "--shots", "0"], "shots must be above 0"),
        (["domain-scarce", "DATA", "DEST", "--facet", "visit=2"], "columns: none; measured: light"),
        (["domain-scarce", "DATA", "DEST", "--facet", "light=night"], "values of 'light' there: dark"),
        (["domain-scarce", "DATA", "DEST"], "--facet"),
        (["adversarial", "DATA", "DEST", "--model", "scratch", "--attack", "cw"], "fgsm, pgd"),
        (["adversarial", "DATA", "DEST", "--model", "scratch", "--attacked", "test"], "unknown --attacked 'test'"),
        (["adversarial", "DATA", "DEST", "--model", "nonesuch"], "unknown backbone 'nonesuch'"),
        (["merge", "DATA", "DATA", "DEST", "--per-class", "-1"], "per_class must be 0 or more"),
        (["merge", "DATA", "DATA", "DEST", "--ratio", "nan"], "ratio must be 0 or more"),
        (["merge", "DATA", "DATA", "DEST", "--ratio", "inf"], "ratio must be 0 or more"),
        (["merge", "DATA", "DATA", "DEST"], "files of the collection itself"),
        (["merge", "DATA", "/no/such", "DEST"], "/no/such"),
        (["zero-shot", "", "DEST"], "DATA is empty"),
        (["few-shot", "DATA", "DEST", "--facets", "mood"], "--facets"),
        (["adversarial", "DATA", "DEST", "--model", "scratch", "--step-size", "-1"], "step size"),
        (
            ["adversarial", "DATA", "DEST", "--attack", "fgsm", "--step-size", "1"],
            "step-size has no effect with fgsm",
        ),
        (["thousand-shot", "DATA", "DEST"], "thousand-shot"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"DATA": str(photos), "DEST": str(tmp_path / "new")}
    assert main(["scenario", *(named.get(word, word) for word in words)]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.out == ""
    assert not (tmp_path / "new").exists()


def test_evaluate_answers_every_question(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "scratch", str(photos), "--workspace", str(tmp_path / "w")]
    asked = ["--at", "1,5,20", "--nmi", "--attack", "pgd", "--epsilon", "30", "--attack-steps", "3"]
    assert main([*words, *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["recall_at"]) == ["1", "5", "20"] == list(found["robust"]["recall_at"])
    assert (found["embedding"], found["distance"]) == ("body", "cosine")
    assert found["robust"]["map_at_r"] < found["map_at_r"]
    told = {"attack": "pgd", "epsilon": 30.0, "steps": 3, "step": 25.0, "aim": "wrong"}
    assert told.items() <= found["robust"].items()
    assert found["robust"]["clean"]["map_at_r"] == pytest.approx(found["map_at_r"])
    assert main([*words, *asked, "--distance", "euclidean"]) == 0
    shown = capsys.readouterr().out
    assert "R@20" in shown
    assert "Under attack (pgd, epsilon 30 of 255, 3 steps, aim wrong)" in shown
    assert "NMI" in shown
    heading = next(line for line in shown.splitlines() if "weakest classes" in line)
    assert "clean R@1" in heading
    assert "attacked R@1" in heading
    assert [line.split()[0] for line in shown.splitlines() if line.strip().startswith(("clean", "attacked"))] == [
        "clean",
        "attacked",
    ]


def test_what_is_never_wrong_is_not_called_weak(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "scratch", str(photos), "--workspace", str(tmp_path / "w"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    recalls = {
        name: {"value": value, "low": 0.0, "high": 1.0, "count": 2} for name, value in (("good", 1.0), ("poor", 0.5))
    }
    show_evaluation(found | {"per_class": recalls})
    shown = capsys.readouterr().out
    assert "poor" in shown
    assert "good" not in shown
    show_evaluation(found | {"per_class": {"good": recalls["good"]}})
    assert "weakest" not in capsys.readouterr().out


def test_fgsm_is_told_without_the_settings_that_it_does_not_use(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--attack", "fgsm", "--epsilon", "3", "--workspace", str(tmp_path / "w"), "--json"]
    assert main(["evaluate", "scratch", str(photos), *words]) == 0
    told = json.loads(capsys.readouterr().out)["robust"]
    assert (told["attack"], told["epsilon"]) == ("fgsm", 3.0)
    assert not {"steps", "step", "seed", "random_start"} & told.keys()
    assert main(["scenario", "adversarial", str(photos), str(tmp_path / "new"), "--model", "scratch", *words]) == 0
    assert not {"steps", "step", "random_start"} & json.loads(capsys.readouterr().out)["options"].keys()


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["evaluate", "MODEL", "DATA", "--attack", "pgd", "--attack-aim", "up"], "unknown attack aim 'up'"),
        (["evaluate", "MODEL", "DATA", "--leave-out", "wheel"], "--leave-out: there is no metadata column 'wheel'"),
        (["plot", "map", "MODEL", "DATA", "--out", "OUT", "--colour", "mood"], "--colour: there is no metadata"),
    ],
)
def test_a_typo_is_told_before_the_model_is_loaded(
    words: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"MODEL": "no-model-of-this-name", "DATA": str(photos), "OUT": str(tmp_path / "a.svg")}
    assert main([named.get(word, word) for word in words]) == 2
    assert culprit in capsys.readouterr().err


def test_only_a_page_of_a_map_is_said_to_show_photos(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("map", "heatmap"):
        assert main(["plot", kind, "--help"]) == 0
        assert ("shows photos" in capsys.readouterr().out) == (kind == "map")


@pytest.mark.slow
def test_a_bundled_collection_is_data_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scenario", "domain-scarce", "harbor", str(tmp_path / "new"), "--facet", "condition=night", "--json"]
    assert main([*words, "--workspace", str(tmp_path / "w")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["after"]["splits"]["train"] < found["before"]["splits"]["train"]


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["--at", "1,many"], "--at '1,many'"),
        (["--at", "0"], "--at"),
        (["--distance", "manhattan"], "manhattan"),
        (["--embedding", "head"], "has no head"),
        (["--embedding", "tail"], "head, body"),
        (["--leave-out", "visit"], "no metadata column 'visit'"),
        (["--attack", "cw"], "fgsm, pgd"),
        (["--attack", "pgd", "--epsilon", "300"], "pixel units"),
        (["--attack", "pgd", "--leave-out", "visit"], "run the attack and leaving out separately"),
        (["--attack", "fgsm", "--attack-aim", "away"], "random start"),
        (["--attack", "pgd", "--attack-aim", "up"], "unknown attack aim 'up'"),
        (["--epsilon", "4"], "epsilon 4.0 has no effect without an attack"),
        (["--attack-steps", "4"], "attack-steps 4 has no effect without an attack"),
        (["--attack-aim", "away"], "attack-aim away has no effect without an attack"),
        (["--seed", "4"], "seed 4 has no effect without an attack"),
        (["--attack", "fgsm", "--attack-steps", "4"], "attack-steps has no effect with fgsm"),
    ],
)
def test_a_question_without_sense_is_one_line(
    words: list[str], culprit: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "scratch", str(photos), "--workspace", str(tmp_path / "w"), *words]) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.out == ""
