"""Scenarios through the function behind the command: what is cut, what stays whole, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlantis_core.data.assigning import MadeBefore
from atlantis_core.data.reading import ReadOptions, read_collection
from atlantis_core.data.tasks import retrieval_task
from atlantis_core.errors import SetupError
from atlantis_core.evaluation import measure_retriever
from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.backbones import resolve_backbone
from atlantis_core.learning.pictures import open_picture, square
from atlantis_core.learning.retriever import Retriever, frozen
from atlantis_core.robustness import robust_recall
from atlantis_core.scenarios import SCENARIOS
from atlantis_core.scenarios.adversarial import Aim, make_adversarial
from atlantis_core.scenarios.making import make_scenario
from atlantis_core.scenarios.merging import Quotas, merge
from atlantis_core.scenarios.sources import Source
from atlantis_core.searching.filling import Source as Indexed


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (40, 44, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Six classes; eight training, two validation and two test photos each; every other one at night."""
    rows = []
    for label in "abcdef":
        for number in range(12):
            name = f"photos/{label}.{number}.png"  # a dot in the name is no suffix
            picture(tmp_path / "source" / name, ord(label) * 100 + number)
            split = "train" if number < 8 else ("validation", "test")[number % 2]
            rows.append([name, f"{label}.x", split, "night" if number % 2 else "day"])
    with (tmp_path / "source" / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file_name", "label", "split", "light"], *rows])
    return tmp_path / "source"


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def train_counts(folder: Path) -> Counter[str]:
    return Counter(row["label"] for row in table(folder) if row["split"] == "train")


def held_out(folder: Path) -> list[tuple[str, str, str]]:
    return sorted((r["file_name"], r["label"], r["split"]) for r in table(folder) if r["split"] != "train")


CUTS: dict[str, dict[str, Any]] = {
    "few-shot": {"shots": 3, "classes": 4},
    "imbalanced": {"classes": 2, "keep": 1},
    "domain-scarce": {"facet": "light=night", "keep": 1},
}


@pytest.mark.parametrize("name", CUTS)
def test_only_training_photos_are_cut_and_chance_has_a_seed(name: str, source: Path, tmp_path: Path) -> None:
    written, story = make_scenario(name, Source(source), tmp_path / "out", CUTS[name], seed=3)
    assert held_out(tmp_path / "out") == held_out(source)
    counts = train_counts(tmp_path / "out")
    expected = {"few-shot": [3, 3, 3, 3, 8, 8], "imbalanced": [1, 1, 8, 8, 8, 8], "domain-scarce": [5] * 6}[name]
    assert sorted(counts.values()) == expected
    assert json.loads((tmp_path / "out" / "scenario.json").read_text()) == story
    assert story["after"]["splits"]["train"] == sum(expected) < story["before"]["splits"]["train"]
    assert story["options"].items() >= CUTS[name].items()
    assert written.images == len(table(tmp_path / "out"))
    make_scenario(name, Source(source), tmp_path / "again", CUTS[name], seed=3)
    assert table(tmp_path / "again") == table(tmp_path / "out")
    make_scenario(name, Source(source), tmp_path / "other", CUTS[name], seed=4)
    assert table(tmp_path / "other") != table(tmp_path / "out")
    read = read_collection(tmp_path / "out")
    assert len(read.collection.of_split("train")) == sum(expected)


def test_few_shot_cuts_the_first_classes_by_name(source: Path, tmp_path: Path) -> None:
    written, _ = make_scenario("few-shot", Source(source), tmp_path / "out", {"classes": 2, "shots": 1})
    assert {label for label, count in train_counts(tmp_path / "out").items() if count == 1} == {"a.x", "b.x"}
    assert written.notes[-1].startswith("classes of one training photo (2: 'a.x', 'b.x') hold no pair of different")


def test_what_is_scarce_is_the_value_that_was_named(source: Path, tmp_path: Path) -> None:
    make_scenario("domain-scarce", Source(source), tmp_path / "out", {"facet": "light=night"})
    assert {row["light"] for row in table(tmp_path / "out") if row["split"] == "train"} == {"day"}
    assert {row["light"] for row in table(tmp_path / "out") if row["split"] == "test"} == {"night"}


def test_zero_shot_tests_on_classes_that_are_not_trained(source: Path, tmp_path: Path) -> None:
    written, _ = make_scenario("zero-shot", Source(source), tmp_path / "out", {"train_classes": 4})
    assert written.unseen
    splits = {row["label"]: row["split"] for row in table(tmp_path / "out")}
    assert splits == {f"{c}.x": "train" if c < "e" else "test" for c in "abcdef"}
    read = read_collection(tmp_path / "out", regime="unseen")
    assert len({image.label for image in read.collection.of_split("validation")}) >= 2
    assert read.collection.num_test == 24


def test_full_shot_halves_every_class(source: Path, tmp_path: Path) -> None:
    make_scenario("full-shot", Source(source), tmp_path / "out", {})
    assert set(Counter((row["label"], row["split"]) for row in table(tmp_path / "out")).values()) == {6}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("one-shot", {}, "one-shot"),
        ("few-shot", {"shot": 3}, "no option 'shot'"),
        ("few-shot", {"shots": 0}, "above 0"),
        ("few-shot", {"classes": 7}, "7 classes are asked for, and 6"),
        ("imbalanced", {"keep": 0}, "above 0"),
        ("domain-scarce", {}, "needs --facet"),
        ("domain-scarce", {"facet": "light=dusk"}, "values of 'light' there: day, night"),
        ("domain-scarce", {"facet": "weather=fog"}, "columns: light"),
        ("domain-scarce", {"facet": "light=night,light=day"}, "fewer than two classes"),
        ("zero-shot", {"train_classes": 5}, "5 of 6"),
        ("full-shot", {"test_share": 1.0}, "test_share"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    name: str, given: dict[str, Any], words: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=words):
        make_scenario(name, Source(source), tmp_path / "out", given)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_folders_that_are_in_the_way_are_left_alone(source: Path, tmp_path: Path) -> None:
    before = sorted(source.rglob("*"))
    for folder, words in ((source, "is there already"), (source / "new", "lies inside")):
        with pytest.raises(SetupError, match=words):
            make_scenario("full-shot", Source(source), folder, {})
    with pytest.raises(SetupError, match="there is no folder"):
        make_scenario("full-shot", Source(tmp_path / "none"), tmp_path / "out", {})
    assert sorted(source.rglob("*")) == before


def test_the_registry_and_its_options_have_words() -> None:
    assert sorted(SCENARIOS) == ["domain-scarce", "few-shot", "full-shot", "imbalanced", "zero-shot"]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Twenty made pictures of two classes, and one of a class that nobody knows."""
    for label in ("a.x", "c.x"):
        for number in range(20):
            picture(tmp_path / "made" / label / f"{number}.png", 9000 + ord(label[0]) * 50 + number)
    picture(tmp_path / "made" / "stranger" / "0.png", 1)
    return tmp_path / "made"


@pytest.mark.parametrize(
    ("quotas", "taken"),
    [
        (Quotas(), 20),
        (Quotas(per_class=3), 3),
        (Quotas(fill_to=12), 4),
        (Quotas(fill_to=5), 0),
        (Quotas(ratio=0.5), 4),
        (Quotas(per_class=6, fill_to=12, ratio=2.0), 4),
    ],
)
def test_made_photos_join_training_within_quotas(
    quotas: Quotas, taken: int, source: Path, made: Path, tmp_path: Path
) -> None:
    _, story = merge(Source(source), made, tmp_path / "out", quotas)
    rows = table(tmp_path / "out")
    joined = Counter(row["label"] for row in rows if row["origin"] == "synthetic")
    assert dict(joined) == ({"a.x": taken, "c.x": taken} if taken else {})
    assert {row["split"] for row in rows if row["origin"] == "synthetic"} <= {"train"}
    assert sum(row["origin"] == "real" for row in rows) == 72
    assert story["made"] == {
        "offered": 41,
        "of_other_classes": 1,
        "held_out": 0,
        "copies": 0,
        "taken": 2 * taken,
    }


def test_what_is_made_is_known_to_trainings_and_is_no_facet(source: Path, made: Path, tmp_path: Path) -> None:
    merge(Source(source), made, tmp_path / "out", Quotas(per_class=2))
    collection = read_collection(tmp_path / "out").collection
    assert collection.facets == ("light",)
    assert collection.not_facets["origin"] == "says which training images are made"
    marked = [image for image in collection.images if image.facets.get("origin") == "synthetic"]
    assert len(marked) == 4
    assert {image.split for image in marked} == {"train"}


def test_made_photos_are_trained_on_and_neither_ask_nor_are_searched(
    retriever: Retriever, source: Path, made: Path, tmp_path: Path
) -> None:
    written, _ = merge(Source(source), made, tmp_path / "merged", Quotas())
    make_adversarial(retriever, Source(tmp_path / "merged"), tmp_path / "out", Attack("fgsm"), attacked="train")
    before = retrieval_task(read_collection(source).collection)
    for folder, trained_on in (("merged", 48 + 40), ("out", 2 * (48 + 40))):
        collection = read_collection(tmp_path / folder).collection
        assert len(collection.of_split("train")) == trained_on
        after = retrieval_task(collection)
        for part, clean in ((after.queries, before.queries), (after.gallery, before.gallery)):
            assert [image.id for image in part] == [image.id for image in clean]
        assert len(Indexed(collection, ("train",)).wanted) == 48
    assert any("real photos alone ask and are searched" in note for note in written.notes)


def test_made_photos_of_strangers_only_are_refused(source: Path, tmp_path: Path) -> None:
    picture(tmp_path / "made" / "stranger" / "0.png", 1)
    with pytest.raises(SetupError, match="classes there: stranger"):
        merge(Source(source), tmp_path / "made", tmp_path / "out", Quotas())
    with pytest.raises(SetupError, match="ratio is 0 or more"):
        Quotas(ratio=-1.0)


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return frozen(resolve_backbone("scratch"))


def test_attacked_validation_takes_the_place_of_the_clean(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    _, story = make_adversarial(retriever, Source(source), tmp_path / "out", Attack("pgd", 2.0, 3))
    rows = [row for row in table(tmp_path / "out") if row["split"] == "validation"]
    assert len(rows) == story["attacked"] == 12
    assert {Path(row["file_name"]).suffix for row in rows} == {".png"}
    assert len({row["file_name"] for row in rows}) == 12
    clean = {Path(row["file_name"]).name: row for row in table(source)}
    for row in rows:
        name = Path(row["file_name"]).name
        origin = clean[name.rsplit("-", 1)[0] + ".png"]
        assert (origin["label"], origin["light"]) == (row["label"], row["light"])
        attacked = np.asarray(Image.open(tmp_path / "out" / row["file_name"]), dtype=int)
        square_of = np.asarray(square(open_picture(source / origin["file_name"]), retriever.side_px), dtype=int)
        assert 0 < np.abs(attacked - square_of).max() <= 2
    tests = [row for row in table(tmp_path / "out") if row["split"] == "test"]
    assert sorted(row["file_name"] for row in tests) == sorted(
        row["file_name"] for row in table(source) if row["split"] == "test"
    )


@pytest.mark.parametrize("aim", ["drawn", "wrong"])
def test_the_share_that_is_taken_for_another_class_is_told(
    aim: Aim, retriever: Retriever, source: Path, tmp_path: Path
) -> None:
    written, story = make_adversarial(retriever, Source(source), tmp_path / "out", Attack("pgd", 8.0, 5), aim=aim)
    robust = json.loads((tmp_path / "out" / "scenario.json").read_text())["robust"]
    assert story["robust"] == robust
    assert (robust["aim"], robust["attack"]) == (aim, "pgd")
    tasks = [retrieval_task(read_collection(folder).collection) for folder in (source, tmp_path / "out")]
    clean, attacked = (measure_retriever(retriever, task)[0].recall_at[1] for task in tasks)
    assert (robust["clean"]["recall_at"]["1"], robust["recall_at"]["1"]) == (clean, attacked)
    assert f"Recall@1 {clean:.3f} -> {attacked:.3f}" in written.notes[-1]
    assert written.notes[-1].startswith(f"pgd, epsilon 8 of 255, aim {aim}: ")


def test_the_aim_of_evaluate_fools_as_many_as_there(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    attack = Attack("pgd", 8.0, 5)
    _, story = make_adversarial(retriever, Source(source), tmp_path / "out", attack)
    there = robust_recall(retriever, retrieval_task(read_collection(source).collection), attack).facts()
    assert story["robust"]["recall_at"] == there["recall_at"]
    assert story["robust"]["flipped"] == there["flipped"]


def test_attacked_training_photos_are_added_as_made(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    make_adversarial(retriever, Source(source), tmp_path / "out", Attack("fgsm", 1.0), attacked="train")
    rows = table(tmp_path / "out")
    assert Counter(row["origin"] for row in rows) == {"": 72, "synthetic": 48}
    assert train_counts(tmp_path / "out") == {f"{c}.x": 16 for c in "abcdef"}


def test_scenarios_that_split_anew_need_no_splits_that_fit(source: Path, tmp_path: Path) -> None:
    rows = table(source)
    for row in rows:  # two classes for each split: the regime "seen" cannot read it
        row["split"] = {"a": "train", "b": "train", "c": "validation", "d": "validation"}.get(row["label"][0], "test")
    with (source / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _, story = make_scenario("full-shot", Source(source), tmp_path / "out", {})
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
        make_scenario("full-shot", Source(source), folder, {}, seed=seed)
        sides.append({Path(row["file_name"]).name: row["split"] for row in table(folder)})
    assert sides[0] == sides[1] != sides[2]
    for side in sides:
        assert all(side[f"a.{number}.png"] == side[f"copy-{number}.png"] for number in range(12))


def test_a_share_of_a_facet_may_stay_and_values_may_hold_commas(source: Path, tmp_path: Path) -> None:
    text = (source / "metadata.csv").read_text().replace("night", '"night, clear"')
    (source / "metadata.csv").write_text(text)
    given = {"facet": "light=night, clear,light=day", "share": 0.5}
    make_scenario("domain-scarce", Source(source), tmp_path / "out", given)
    assert set(train_counts(tmp_path / "out").values()) == {4}
    with pytest.raises(SetupError, match="not both"):
        make_scenario("domain-scarce", Source(source), tmp_path / "two", {**given, "keep": 1})


def test_signs_of_a_columns_own_are_asked_for_with_a_backslash(source: Path, tmp_path: Path) -> None:
    text = (source / "metadata.csv").read_text().replace(",light", ',"li=ght,er"').replace("night", '"night,x=1"')
    (source / "metadata.csv").write_text(text)
    make_scenario("domain-scarce", Source(source), tmp_path / "out", {"facet": r"li\=ght\,er=night\,x=1", "keep": 1})
    assert set(train_counts(tmp_path / "out").values()) == {5}
    with pytest.raises(SetupError, match=r"columns: li\\=ght\\,er; measured: light, contrast"):
        make_scenario("domain-scarce", Source(source), tmp_path / "no", {"facet": "li=ght"})


def test_facets_are_measured_where_the_metadata_has_none(tmp_path: Path) -> None:
    for label in "ab":
        for number in range(10):
            path = tmp_path / "source" / label / f"{number}.png"
            picture(path, ord(label) * 100 + number)
            with Image.open(path) as photo:
                photo.point(lambda value: value // (4 if number < 5 else 1)).save(path)  # noqa: B023 (called at once)
    source = Source(tmp_path / "source")
    _, story = make_scenario("domain-scarce", source, tmp_path / "out", {"facet": "light=dark", "keep": 1})
    assert "measured of the photos, as `atlantis diagnose` does: light" in story["notes"]
    assert "light" not in table(tmp_path / "out")[0], "the new collection is measured when it is read"
    kept = [row["file_name"] for row in table(tmp_path / "out") if row["split"] == "train"]
    dark = Counter(name[0] for name in kept if int(Path(name).stem) < 5)
    assert dark == {"a": 1, "b": 1}
    assert held_out(tmp_path / "out")
    with pytest.raises(SetupError, match=r"no training image has 'light=dim'; values of 'light' there: .*dark"):
        make_scenario("domain-scarce", source, tmp_path / "no", {"facet": "light=dim"})


def test_what_is_left_out_and_what_it_was_made_with_is_told(source: Path, tmp_path: Path) -> None:
    (source / "photos" / "a.0.png").write_bytes(b"no picture")
    options = ReadOptions(facets=("light",))
    _, story = make_scenario("few-shot", Source(source, options), tmp_path / "out", {"shots": 99})
    assert story["notes"][0].startswith("1 file left out: 1 unreadable")
    assert story["notes"][-1].startswith("nothing was cut")
    assert set(story["versions"]) == {"atlantis-dml", "numpy", "pillow", "torch"}
    assert story["read"] == {"label": None, "split": None, "facets": ["light"], "regime": "seen"}
    with pytest.raises(SetupError, match="columns: 'light'"):
        make_scenario("few-shot", Source(source, ReadOptions(facets=("mood",))), tmp_path / "no", {})


def test_splits_that_a_workspace_made_are_kept(source: Path, tmp_path: Path) -> None:
    rows = ["file_name,label", *(f"{row['file_name']},{row['label']}" for row in table(source))]
    (source / "metadata.csv").write_text("\n".join(rows) + "\n")
    make_scenario("few-shot", Source(source), tmp_path / "fresh", {"shots": 1})
    sealed = {r["file_name"] for r in table(tmp_path / "fresh") if r["split"] == "test"}
    others = [r["file_name"] for r in table(source) if r["file_name"] not in sealed][:5]
    ids = [hashlib.sha256((source / name).read_bytes()).hexdigest()[:16] for name in others]
    before = MadeBefore(whole=dict.fromkeys(ids, "test"))
    make_scenario("few-shot", Source(source, known_splits=before), tmp_path / "again", {"shots": 1})
    assert set(others) <= {r["file_name"] for r in table(tmp_path / "again") if r["split"] == "test"}


def test_made_photos_that_show_a_held_out_one_never_join(source: Path, tmp_path: Path) -> None:
    for name, split in (("a.8", "validation"), ("a.9", "test"), ("a.0", "train")):
        assert next(r["split"] for r in table(source) if r["file_name"] == f"photos/{name}.png") in {split, "test"}
        with Image.open(source / f"photos/{name}.png") as image:
            (tmp_path / "made" / "a.x").mkdir(parents=True, exist_ok=True)
            image.resize((80, 88)).save(tmp_path / "made" / "a.x" / f"{name}.png")
    shutil.copyfile(source / "photos" / "a.1.png", tmp_path / "made" / "a.x" / "same.png")
    _, story = merge(Source(source), tmp_path / "made", tmp_path / "out", Quotas())
    assert story["made"] == {"offered": 4, "of_other_classes": 0, "held_out": 2, "copies": 1, "taken": 1}
    joined = [row["file_name"] for row in table(tmp_path / "out") if row["origin"] == "synthetic"]
    assert joined == ["made/a.x/a.0.png"]


def test_merging_again_counts_what_joined_before(source: Path, made: Path, tmp_path: Path) -> None:
    merge(Source(source), made, tmp_path / "once", Quotas(per_class=3))
    _, story = merge(Source(tmp_path / "once"), made, tmp_path / "twice", Quotas(per_class=5))
    origins = Counter((row["label"], row["origin"]) for row in table(tmp_path / "twice"))
    assert origins["a.x", "synthetic"] == origins["c.x", "synthetic"] == 5
    assert sum(count for (_, origin), count in origins.items() if origin == "real") == 72
    assert (story["made"]["copies"], story["made"]["taken"]) == (6, 4)


def test_a_column_origin_with_another_meaning_is_not_lost(source: Path, made: Path, tmp_path: Path) -> None:
    text = (source / "metadata.csv").read_text().replace("light", "origin", 1)
    (source / "metadata.csv").write_text(text)
    with pytest.raises(SetupError, match="a column 'origin' of its own"):
        merge(Source(source), made, tmp_path / "out", Quotas())


def test_an_attack_that_fails_leaves_nothing(retriever: Retriever, source: Path, tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what == "attacking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_adversarial(retriever, Source(source), tmp_path / "out", Attack("fgsm"), progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]
