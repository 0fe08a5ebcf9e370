"""What is only searched needs no queries; photos that changed are not tested; what is certain is no figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import atlantis_dml
from atlantis_core.data.reading import read_collection
from atlantis_core.metrics.exclusions import count_negatives, exclude_by_column
from atlantis_core.metrics.measurement import describe_certain_hits
from atlantis_core.records import LabelledImage
from atlantis_dml.cli.main import main
from tests.atlantis_core.data.sample_images import class_folders, encoded, picture, with_metadata
from tests.inputs.small_tables import refusal_of

MODEL = "harbor-student"
QUICK = ["--backbone", "scratch", "--preset", "smoke", "--set", "steps=4", "--set", "classes_per_batch=2"]

Ask = Callable[..., tuple[Any, str]]


# Indexes


@pytest.mark.parametrize("classes", [dict.fromkeys("abcdef", 1), {"a": 6}, {"a": 1}])
def test_a_catalogue_without_pairs_is_indexed_and_searched(classes: dict[str, int], ask: Ask, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "photos", classes)
    assert "needs" in refusal_of(photos), "nothing can be measured on it"
    found, said = ask("index", MODEL, photos, "--name", "p")
    assert found["images"] + found["sealed"] == sum(classes.values())
    assert "positive" not in said
    files = [Path(image.path) for image in read_collection(photos, needs_queries=False).collection.images]
    query = encoded(picture(77))
    (tmp_path / "query.png").write_bytes(query)
    hits = ask("search", "p", tmp_path / "query.png", "--top", 50)[0]["results"]
    retriever = atlantis_dml.load_retriever(MODEL)
    similar = retriever.embed(files) @ retriever.embed([tmp_path / "query.png"])[0]
    assert [hit["path"] for hit in hits] == [str(files[row]) for row in np.argsort(-similar)]


def test_an_emptied_index_is_empty_and_not_damaged(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = class_folders(tmp_path / "photos", {"a": 6, "b": 6})
    ask("index", MODEL, photos, "--name", "p")
    ask("unindex", "p", "--where", "label=a", "--where", "label=b")
    for more in ([], [], ["--exact"]):
        assert ask("search", "p", photos / "a" / "00.png", *more)[0]["results"] == []
    assert main(["search", "p", str(photos / "a" / "00.png")]) == 0
    assert "the index is empty; `atlantis index` fills it" in capsys.readouterr().err
    found, _ = ask("index", MODEL, photos, "--name", "p")
    assert (found["added"], found["images"]) == (10, 10)
    assert len(ask("search", "p", photos / "a" / "00.png", "--exact")[0]["results"]) == 10


# Tests


@pytest.mark.slow
@pytest.mark.parametrize("change", ["swapped", "edited", "emptied"])
def test_test_photos_that_changed_since_training_are_not_tested(change: str, ask: Ask, tmp_path: Path) -> None:
    photos = class_folders(
        tmp_path / "photos", {f"{split}/{name}": 3 for split in ("train", "validation", "test") for name in "ab"}
    )
    trial = ask("train", photos, *QUICK)[0]["trials"][0]["id"]
    one, other = (photos / "test" / name / "00.png" for name in "ab")
    first, second = one.read_bytes(), other.read_bytes()
    new = {"swapped": (second, first), "edited": (encoded(picture(99)), second), "emptied": (b"", second)}[change]
    one.write_bytes(new[0])
    other.write_bytes(new[1])
    found, _ = ask("test", trial, code=2)
    assert "test images changed since they were read, the first" in found["error"]
    assert f"{2 if change == 'swapped' else 1} of 6" in found["error"]
    one.write_bytes(first)
    other.write_bytes(second)
    found, said = ask("test", trial)
    assert found["queries"] == 6
    assert "once and for all" in said, "the seal was not spent before"


@pytest.mark.slow
def test_a_trial_that_is_named_twice_has_no_spread(
    ask: Ask, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One model twice is not two seeds; a query without a positive is neither counted nor passed over in silence."""
    photos = class_folders(
        tmp_path / "photos",
        {f"{split}/{name}": 3 for split in ("train", "validation", "test") for name in "ab"}
        | {"test/z": 1, "validation/z": 1},
    )
    trial = ask("train", photos, *QUICK)[0]["trials"][0]["id"]
    assert main(["train", str(photos), *QUICK]) == 0
    assert "for want of a positive in the gallery: 1 validation query" in capsys.readouterr().out
    found, said = ask("test", trial, trial)
    assert found["recall_at_1"]["sd"] is None
    assert (len(found["trials"]), len(found["trials"][0]["opened"])) == (1, 1)
    assert "this is not a first look" not in said
    assert (found["queries"], found["gallery"], found["negatives"]) == (6, 6, 3)


# A round without a new image


@pytest.mark.slow
def test_a_round_that_keeps_no_image_has_no_gain_to_measure(ask: Ask, tmp_path: Path) -> None:
    """The candidate is the incumbent: +0.0 with an interval of tens of points was no estimate."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    (tmp_path / "pool" / "a").mkdir(parents=True)
    for number in range(4):  # near-duplicates, so that diversity rejects them
        Image.fromarray(pixels).rotate(90 * number).save(tmp_path / "pool" / "a" / f"{number}.png")
    rows = [
        (f"{name}/{n:02d}.png", name, "train" if n < 4 else "validation", "xy"[(n + (name == "a")) % 2])
        for name in "abcd"
        for n in range(12)
    ]
    photos = with_metadata(tmp_path / "photos", ("file_name", "label", "split", "light"), rows)
    run = ["run", photos, "--goal", "x", "--auto", "--rounds", 1, "--budget-images", 4, "--backbone", "scratch"]
    run += ["--remedies", "generate"]
    more = ["--preset", "smoke?steps=2&classes_per_batch=2", "--generator", f"retrieve:{tmp_path / 'pool'}"]
    (found,) = ask(*run, *more)[0]["rounds"]
    assert found["images"]["kept"] == 0
    assert found["reason"] == "not proven: no generated image was kept, so there is no new model to compare"
    change = found["recall_at_1"]
    assert (change["gain"], change["low"], change["high"], change["p_value"]) == (0, 0, 0, 1)
    page = tmp_path / "report.md"
    assert main(["report", "last", "--out", str(page)]) == 0
    assert "| 1 | rolled back |" in page.read_text()
    assert "the same model" in page.read_text()
    assert "+0.0 points" not in page.read_text()


# Certain figures


def images(labels: str, groups: Sequence[str] = ()) -> list[LabelledImage]:
    return [
        LabelledImage(f"{row:016x}", f"/{row}.png", label, "train", "both", {"g": groups[row]} if groups else {})
        for row, label in enumerate(labels)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_negatives_are_counted_as_a_search_leaves_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, groups = random.choice(list("abc"), 12), random.choice(list("xyz"), 12)
    some = images("".join(labels), list(groups))
    for own_class_only in (False, True):
        rule = exclude_by_column(some, some, "g", own_class_only=own_class_only)
        other = labels[:, None] != labels[None]
        right = (other & ((groups[:, None] != groups[None]) | own_class_only)).sum(axis=1)
        assert count_negatives(some, some, [rule]).tolist() == right.tolist()
    assert count_negatives(some, some).tolist() == (labels[:, None] != labels[None]).sum(axis=1).tolist()


def test_recalls_that_any_order_gives_are_said() -> None:
    assert describe_certain_hits((1, 2, 4), gallery=6, negatives=3) == (
        "R@4: 1 for any model, as no query has more than 3 negatives in the gallery"
    )
    assert (
        describe_certain_hits((1, 8), gallery=6, negatives=3) == "R@8: 1 for any model, as the gallery has 6 images"
    )
    assert describe_certain_hits((1, 2), gallery=6, negatives=3) == ""


def test_a_query_is_no_negative_of_its_own_gallery(ask: Ask, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "photos", {"train/x": 2, "train/y": 2, "validation/c": 2, "validation/d": 1})
    found, _ = ask("evaluate", MODEL, photos, "--regime", "unseen")
    assert found["notes"] == ["R@2, R@4, R@8: 1 for any model, as no query has more than 1 negative in the gallery"]


def test_without_a_facet_there_are_no_gaps_to_be_free_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = class_folders(tmp_path / "photos", {"train/a": 1, "train/b": 1, "validation/a": 1})
    assert main(["diagnose", str(photos), "--frozen", "--backbone", MODEL]) == 0
    printed = capsys.readouterr().out
    assert "Nothing to find gaps in: the collection has no facet" in printed
    assert "No gaps" not in printed


def test_a_map_without_a_query_that_counts_has_no_share_of_misses(ask: Ask, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "photos", {"train/a": 2, "train/b": 2, "validation/a": 1, "validation/z": 2})
    ask("plot", "map", MODEL, photos, "--query", "label=z", "--out", tmp_path / "map.svg")
    drawn = (tmp_path / "map.svg").read_text()
    assert "no query has a positive" in drawn
    assert "0 of 0" not in drawn
