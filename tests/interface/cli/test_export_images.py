"""`atlantis export RUN DIR --images`: what a run made and kept, as a dataset for others."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from PIL import Image

import atlantis_dml
from atlantis_core.data.file_listing import ReadOptions, list_files
from atlantis_core.exporting.kept_images import public_name
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.manual_overrides import override_verdicts
from atlantis_core.run.session import Session
from atlantis_dml.cli.main import main
from tests.interface.conftest import HOSTILE, Fabricated

QUOTED = f"`{HOSTILE}`"


def export(fabricated: Fabricated, folder: Path, *more: str) -> int:
    where = ["--workspace", str(fabricated.workspace.folder)]
    return main(["export", "last", str(folder), "--images", *more, *where])


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "train" / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_images_of_kept_rounds_go_out_with_all_that_is_known_of_each(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made"
    assert export(fabricated, out, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    told = rows(out)
    assert found["images"] == len(told) == 3
    assert [row["exported"] for row in found["rounds"]] == [3, 0]
    assert found["rounds"][0]["rejected_by"] == {"margin": 1}
    for number, row in enumerate(told, start=1):
        assert (row["label"], row["light"], row["origin"]) == (HOSTILE, "night", "synthetic")
        assert (row["round"], row["round_kept"], row["seed"]) == ("1", "yes", str(number))
        assert (row["generator"], row["arm"], row["filter"]) == ("photometric/1", "edit", "margin")
        assert float(row["score"]) == pytest.approx(0.1 * number)
        assert row["prompt"] == f"a photo of {HOSTILE} at night"
        with Image.open(out / "train" / row["file_name"]) as picture:
            assert picture.size == (32, 24)
    pictures = {path.relative_to(out / "train").as_posix() for path in (out / "train").rglob("*.png")}
    assert pictures == {row["file_name"] for row in told}, "a row for each file, a file for each row"


def test_nothing_in_it_tells_of_this_machine(fabricated: Fabricated, tmp_path: Path) -> None:
    assert export(fabricated, tmp_path / "made") == 0
    for file in (tmp_path / "made").rglob("*"):
        if file.is_file():
            assert str(fabricated.folder).encode() not in file.read_bytes()


def test_images_of_other_rounds_are_an_option_and_marked(fabricated: Fabricated, tmp_path: Path) -> None:
    found = atlantis_dml.export(
        "last", tmp_path / "all", images=True, rolled_back=True, workspace=fabricated.workspace.folder
    )
    assert found["images"] == 6
    assert sorted(row["round_kept"] for row in rows(tmp_path / "all")) == ["no"] * 3 + ["yes"] * 3
    card = (tmp_path / "all" / "README.md").read_text(encoding="utf-8")
    assert "3 images are of rounds whose gain was not proven" in card


def test_the_card_says_how_they_were_made_and_what_they_did(fabricated: Fabricated, tmp_path: Path) -> None:
    assert export(fabricated, tmp_path / "made") == 0
    card = (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["size_categories"] == ["n<1K"]
    assert "synthetic" in yaml.safe_load(front)["tags"]
    assert "| 1 | kept | 4 | 3 | `margin` 1 | 3 |" in body
    assert "| 2 | rolled back | 4 | 3 | `margin` 1 | 0 |" in body
    assert "| 1 | kept | 0.500 to 0.833 | +33.3 (+23.3 to +43.3) |" in body
    assert "24 validation queries" in body
    assert "their rights apply" in body, "an edit shows what its photo shows"
    assert HOSTILE not in body.replace(QUOTED, "")


def test_a_persons_word_is_told_apart_from_the_filters_and_from_what_was_measured(
    fabricated: Fabricated, tmp_path: Path
) -> None:
    run = fabricated.workspace.runs.get("last")
    session = Session(fabricated.workspace, run.id, run.spec)
    keys = session.read(1, JournalKind.CANDIDATES) or ()
    override_verdicts(session, keys[2:], kept=False)
    override_verdicts(session, keys[:1], kept=True)
    found = atlantis_dml.export("last", tmp_path / "made", images=True, workspace=fabricated.workspace.folder)
    first = found["rounds"][0]
    assert (first["passed"], first["rejected_by"], first["exported"]) == (3, {"margin": 1}, 2)
    assert (first["kept_by_hand"], first["taken_out_by_hand"]) == ({"margin": 1}, 2)
    told = [(row["filter"], row["by_hand"]) for row in rows(tmp_path / "made")]
    assert told == [("margin", "yes"), ("margin", "no")]
    card = (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
    assert "passed every filter, except 1 image that a person kept against `margin`" in card
    assert "- Round 1: a person kept 1 image by hand against `margin` and took out 2 images that had passed." in card
    assert "| 1 | kept | 4 | 3 | `margin` 1 | 2 |" in card
    assert "Round 1 was trained and measured with 3 images" in card
    assert "2 taken out and 1 put in by hand after it was measured" in card
    assert "0.833 with the images that were kept then added" in card
    assert "- `by_hand`" not in card, "a person is no filter"
    assert "no person looked" not in card


def test_where_no_round_was_kept_the_card_tells_of_no_kept_images(fabricated: Fabricated, tmp_path: Path) -> None:
    journal = fabricated.workspace.journal
    for index in (1, 2):
        decision = journal.read(fabricated.run_id, index, "decision") or {}
        journal.write(fabricated.run_id, index, "decision", decision | {"kept": False})
    assert export(fabricated, tmp_path / "made", "--rolled-back") == 0
    card = (tmp_path / "made" / "README.md").read_text(encoding="utf-8")
    assert "No round was kept: the final model is the one trained on real images only." in card
    assert "kept ones added" not in card


def test_loaders_of_imagefolders_and_our_own_read_it(fabricated: Fabricated, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert export(fabricated, made) == 0
    listing = list_files(made.resolve(), ReadOptions())
    assert [(entry.split, entry.label) for entry in listing.entries] == [("train", HOSTILE)] * 3
    assert {"light", "origin", "prompt", "score"} <= set(listing.columns)
    assert [problem.path for problem in listing.problems] == ["README.md"]
    assert main(["import", "hf", str(made), str(tmp_path / "imported")]) == 0
    with (tmp_path / "imported" / "metadata.csv").open(newline="", encoding="utf-8") as stream:
        assert {row["origin"] for row in csv.DictReader(stream)} == {"synthetic"}


@pytest.mark.parametrize(
    ("folder", "more", "culprit"),
    [
        ("taken", [], "already exists"),
        ("new", ["--onnx"], "use two commands"),
        ("taken/file/inside", [], "cannot be written"),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(
    folder: str,
    more: list[str],
    culprit: str,
    fabricated: Fabricated,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert export(fabricated, tmp_path / folder, *more) == 2
    assert culprit in capsys.readouterr().err
    assert [path for path in sorted(tmp_path.rglob("*")) if "workspace" not in path.parts] == [
        path for path in before if "workspace" not in path.parts
    ]


def test_a_place_that_takes_no_folder_is_told_before_any_image_is_looked_at(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for candidate in fabricated.workspace.folder.rglob("*.png"):
        candidate.unlink()
    assert export(fabricated, Path("/proc/atlantis/made")) == 2
    assert "'/proc/atlantis/made' cannot be written" in capsys.readouterr().err


def test_where_no_round_was_kept_it_says_what_would_take_the_others(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = fabricated.workspace.journal.read(fabricated.run_id, 1, "decision")
    assert decision is not None
    fabricated.workspace.journal.write(fabricated.run_id, 1, "decision", decision | {"kept": False})
    assert export(fabricated, tmp_path / "made") == 2
    assert "--rolled-back takes those of the other rounds" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_an_image_that_is_gone_stops_the_export(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in fabricated.workspace.objects.iterdir():
        path.unlink()
    assert export(fabricated, tmp_path / "made") == 2
    assert "3 of 3 images are gone" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_rolled_back_alone_is_a_mistake(fabricated: Fabricated, tmp_path: Path) -> None:
    where = ["--workspace", str(fabricated.workspace.folder)]
    assert main(["export", "last", str(tmp_path / "new"), "--rolled-back", *where]) == 2


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("", ""),
        ("harbor", "harbor"),
        ("stabilityai/sdxl-turbo?steps=2", "stabilityai/sdxl-turbo"),
        ("/home/ada/models/mine/", "local:mine"),
        ("~/mine", "local:mine"),
        ("../mine", "local:mine"),
        ("models/of/mine", "local:mine"),
        (r"C:\\models\\mine", "local:mine"),
    ],
)
def test_a_models_name_holds_no_path(model: str, told: str) -> None:
    assert public_name(model) == told
