"""Scenarios through the function behind the command: what is cut, what stays whole, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.data.split_assignment import KnownSplits
from atlantis_core.scenarios import SCENARIOS
from atlantis_core.scenarios.scenario_source import ScenarioSource
from atlantis_core.scenarios.scenario_writer import write_scenario
from tests.atlantis_core.scenarios.conftest import draw_image, held_out, table, train_counts

CUTS: dict[str, dict[str, Any]] = {
    "few-shot": {"shots": 3, "classes": 4},
    "imbalanced": {"classes": 2, "keep": 1},
    "domain-scarce": {"facet": "light=night", "keep": 1},
}


@pytest.mark.parametrize("name", CUTS)
def test_only_training_photos_are_cut_and_chance_has_a_seed(name: str, source: Path, tmp_path: Path) -> None:
    written, story = write_scenario(name, ScenarioSource(source), tmp_path / "out", CUTS[name], seed=3)
    assert held_out(tmp_path / "out") == held_out(source)
    counts = train_counts(tmp_path / "out")
    expected = {"few-shot": [3, 3, 3, 3, 8, 8], "imbalanced": [1, 1, 8, 8, 8, 8], "domain-scarce": [5] * 6}[name]
    assert sorted(counts.values()) == expected
    assert json.loads((tmp_path / "out" / "scenario.json").read_text()) == story
    assert story["after"]["splits"]["train"] == sum(expected) < story["before"]["splits"]["train"]
    assert story["options"].items() >= CUTS[name].items()
    assert written.images == len(table(tmp_path / "out"))
    write_scenario(name, ScenarioSource(source), tmp_path / "again", CUTS[name], seed=3)
    assert table(tmp_path / "again") == table(tmp_path / "out")
    write_scenario(name, ScenarioSource(source), tmp_path / "other", CUTS[name], seed=4)
    assert table(tmp_path / "other") != table(tmp_path / "out")
    read = read_collection(tmp_path / "out")
    assert len(read.collection.of_split("train")) == sum(expected)


def test_few_shot_cuts_the_first_classes_by_name(source: Path, tmp_path: Path) -> None:
    written, _ = write_scenario("few-shot", ScenarioSource(source), tmp_path / "out", {"classes": 2, "shots": 1})
    assert {label for label, count in train_counts(tmp_path / "out").items() if count == 1} == {"a.x", "b.x"}
    assert written.notes[-1].startswith("classes of one training photo (2: 'a.x', 'b.x') have no pair of different")


def test_what_is_scarce_is_the_value_that_was_named(source: Path, tmp_path: Path) -> None:
    write_scenario("domain-scarce", ScenarioSource(source), tmp_path / "out", {"facet": "light=night"})
    assert {row["light"] for row in table(tmp_path / "out") if row["split"] == "train"} == {"day"}
    assert {row["light"] for row in table(tmp_path / "out") if row["split"] == "test"} == {"night"}


def test_zero_shot_tests_on_classes_that_are_not_trained(source: Path, tmp_path: Path) -> None:
    written, _ = write_scenario("zero-shot", ScenarioSource(source), tmp_path / "out", {"train_classes": 4})
    assert written.unseen
    splits = {row["label"]: row["split"] for row in table(tmp_path / "out")}
    assert splits == {f"{c}.x": "train" if c < "e" else "test" for c in "abcdef"}
    read = read_collection(tmp_path / "out", regime="unseen")
    assert len({image.label for image in read.collection.of_split("validation")}) >= 2
    assert read.collection.num_test == 24


def test_full_shot_halves_every_class(source: Path, tmp_path: Path) -> None:
    write_scenario("full-shot", ScenarioSource(source), tmp_path / "out", {})
    assert set(Counter((row["label"], row["split"]) for row in table(tmp_path / "out")).values()) == {6}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("one-shot", {}, "one-shot"),
        ("few-shot", {"shot": 3}, "no option 'shot'"),
        ("few-shot", {"shots": 0}, "above 0"),
        ("few-shot", {"classes": 7}, r"must be 1 to 6 .*, not 7"),
        ("imbalanced", {"keep": 0}, "above 0"),
        ("domain-scarce", {}, "needs --facet"),
        ("domain-scarce", {"facet": "light=dusk"}, "values of 'light' there: day, night"),
        ("domain-scarce", {"facet": "weather=fog"}, "columns: light"),
        ("domain-scarce", {"facet": "light=night,light=day"}, "fewer than two classes"),
        ("zero-shot", {"train_classes": 5}, "5 of 6"),
        ("full-shot", {"test_share": 1.0}, "test_share"),
    ],
)
def test_impossible_scenarios_are_refused_and_nothing_is_written(
    name: str, given: dict[str, Any], words: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=words):
        write_scenario(name, ScenarioSource(source), tmp_path / "out", given)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_folders_that_are_in_the_way_are_left_alone(source: Path, tmp_path: Path) -> None:
    before = sorted(source.rglob("*"))
    for folder, words in ((source, "already exists"), (source / "new", "lies inside")):
        with pytest.raises(SetupError, match=words):
            write_scenario("full-shot", ScenarioSource(source), folder, {})
    with pytest.raises(SetupError, match="there is no folder"):
        write_scenario("full-shot", ScenarioSource(tmp_path / "none"), tmp_path / "out", {})
    assert sorted(source.rglob("*")) == before


def test_the_registry_and_its_options_have_words() -> None:
    assert sorted(SCENARIOS) == ["cold-start", "domain-scarce", "few-shot", "full-shot", "imbalanced", "zero-shot"]


def test_scenarios_that_split_anew_need_no_splits_that_fit(source: Path, tmp_path: Path) -> None:
    rows = table(source)
    for row in rows:  # two classes for each split: the regime "seen" cannot read it
        row["split"] = {"a": "train", "b": "train", "c": "validation", "d": "validation"}.get(row["label"][0], "test")
    with (source / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _, story = write_scenario("full-shot", ScenarioSource(source), tmp_path / "out", {})
    assert story["before"]["splits"] == {"test": 24, "train": 24, "validation": 24}
    assert story["after"]["splits"] == {"test": 36, "train": 36}
    assert "12 images of the given test split are trained on here" in story["notes"][-1]


def test_full_shot_is_drawn_by_its_seed_and_keeps_copies_together(source: Path, tmp_path: Path) -> None:
    for number in range(12):  # brighter copies: near-duplicates, and no two files are equal
        with Image.open(source / f"photos/a.{number}.png") as image:
            image.point(lambda value: min(255, value + 9)).save(source / f"photos/copy-{number}.png")
    with (source / "metadata.csv").open("a", newline="") as file:
        csv.writer(file).writerows([f"photos/copy-{number}.png", "a.x", "train", "day"] for number in range(12))
    sides = []
    for seed in (0, 0, 1):
        folder = tmp_path / f"out{len(sides)}"
        write_scenario("full-shot", ScenarioSource(source), folder, {}, seed=seed)
        sides.append({Path(row["file_name"]).name: row["split"] for row in table(folder)})
    assert sides[0] == sides[1] != sides[2]
    for side in sides:
        assert all(side[f"a.{number}.png"] == side[f"copy-{number}.png"] for number in range(12))


def test_a_share_of_a_facet_may_stay_and_values_may_hold_commas(source: Path, tmp_path: Path) -> None:
    text = (source / "metadata.csv").read_text().replace("night", '"night, clear"')
    (source / "metadata.csv").write_text(text)
    given = {"facet": "light=night, clear,light=day", "share": 0.5}
    write_scenario("domain-scarce", ScenarioSource(source), tmp_path / "out", given)
    assert set(train_counts(tmp_path / "out").values()) == {4}
    with pytest.raises(SetupError, match="not both"):
        write_scenario("domain-scarce", ScenarioSource(source), tmp_path / "two", {**given, "keep": 1})


def test_literal_signs_are_escaped_with_a_backslash(source: Path, tmp_path: Path) -> None:
    text = (source / "metadata.csv").read_text().replace(",light", ',"li=ght,er"').replace("night", '"night,x=1"')
    (source / "metadata.csv").write_text(text)
    write_scenario(
        "domain-scarce", ScenarioSource(source), tmp_path / "out", {"facet": r"li\=ght\,er=night\,x=1", "keep": 1}
    )
    assert set(train_counts(tmp_path / "out").values()) == {5}
    with pytest.raises(SetupError, match=r"columns: li\\=ght\\,er; measured: light, contrast"):
        write_scenario("domain-scarce", ScenarioSource(source), tmp_path / "no", {"facet": "li=ght"})


def test_facets_are_measured_where_the_metadata_has_none(tmp_path: Path) -> None:
    for label in "ab":
        for number in range(10):
            path = tmp_path / "source" / label / f"{number}.png"
            draw_image(path, ord(label) * 100 + number)
            with Image.open(path) as photo:
                photo.point(lambda value: value // (4 if number < 5 else 1)).save(path)  # noqa: B023 (called at once)
    source = ScenarioSource(tmp_path / "source")
    _, story = write_scenario("domain-scarce", source, tmp_path / "out", {"facet": "light=dark", "keep": 1})
    assert "measured of the photos, as `atlantis diagnose` does: light" in story["notes"]
    assert "light" not in table(tmp_path / "out")[0], "the new collection is measured when it is read"
    kept = [row["file_name"] for row in table(tmp_path / "out") if row["split"] == "train"]
    dark = Counter(name[0] for name in kept if int(Path(name).stem) < 5)
    assert dark == {"a": 1, "b": 1}
    assert held_out(tmp_path / "out")
    with pytest.raises(SetupError, match=r"no training image has 'light=dim'; values of 'light' there: .*dark"):
        write_scenario("domain-scarce", source, tmp_path / "no", {"facet": "light=dim"})


def test_what_is_left_out_and_what_it_was_made_with_is_told(source: Path, tmp_path: Path) -> None:
    (source / "photos" / "a.0.png").write_bytes(b"no picture")
    options = ReadOptions(facets=("light",))
    _, story = write_scenario("few-shot", ScenarioSource(source, options), tmp_path / "out", {"shots": 99})
    assert story["notes"][0].startswith("1 file left out: 1 unreadable")
    assert story["notes"][-1].startswith("nothing was cut")
    assert set(story["versions"]) == {"atlantis-dml", "numpy", "pillow", "torch"}
    assert story["read"] == {"label": None, "split": None, "facets": ["light"], "regime": "seen"}
    with pytest.raises(SetupError, match="columns: 'light'"):
        write_scenario("few-shot", ScenarioSource(source, ReadOptions(facets=("mood",))), tmp_path / "no", {})


def test_splits_that_a_workspace_made_are_kept(source: Path, tmp_path: Path) -> None:
    rows = ["file_name,label", *(f"{row['file_name']},{row['label']}" for row in table(source))]
    (source / "metadata.csv").write_text("\n".join(rows) + "\n")
    write_scenario("few-shot", ScenarioSource(source), tmp_path / "fresh", {"shots": 1})
    sealed = {r["file_name"] for r in table(tmp_path / "fresh") if r["split"] == "test"}
    others = [r["file_name"] for r in table(source) if r["file_name"] not in sealed][:5]
    ids = [hashlib.sha256((source / name).read_bytes()).hexdigest()[:16] for name in others]
    before = KnownSplits(whole=dict.fromkeys(ids, "test"))
    write_scenario("few-shot", ScenarioSource(source, known_splits=before), tmp_path / "again", {"shots": 1})
    assert set(others) <= {r["file_name"] for r in table(tmp_path / "again") if r["split"] == "test"}


def write_pictured(source: Path) -> Path:
    """Add a column that tells the first training image of each class from the others: its catalogue image."""
    rows = table(source)
    for row in rows:
        row["kind"] = "catalogue" if row["file_name"].endswith(".0.png") else "shop"
    with (source / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return source


def test_cold_start_leaves_the_drawn_classes_their_catalogue_pictures(source: Path, tmp_path: Path) -> None:
    given = {"classes": 2, "catalogue": "kind=catalogue"}
    pictured = ScenarioSource(write_pictured(source))
    _, story = write_scenario("cold-start", pictured, tmp_path / "out", given, seed=1)
    counts = train_counts(tmp_path / "out")
    assert sorted(counts.values()) == [1, 1, 8, 8, 8, 8]
    cold = {label for label, count in counts.items() if count == 1}
    kept = [row for row in table(tmp_path / "out") if row["label"] in cold and row["split"] == "train"]
    assert {row["kind"] for row in kept} == {"catalogue"}
    assert story["notes"][-1] == f"classes with catalogue images alone: {', '.join(sorted(cold))}"
    assert held_out(tmp_path / "out") == held_out(source)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "--catalogue COL=V"),
        ({"catalogue": "kind"}, "not 'kind'"),
        ({"catalogue": "kind=poster"}, "no training image has 'kind=poster'"),
        ({"catalogue": "kind=catalogue", "classes": 7}, "must be 1 to 6"),
        ({"catalogue": "kind=catalogue", "classes": 0}, "must be above 0"),
    ],
)
def test_a_cold_start_that_cannot_be_made_is_refused(
    source: Path, tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(SetupError, match=words):
        write_scenario("cold-start", ScenarioSource(write_pictured(source)), tmp_path / "out", given)
