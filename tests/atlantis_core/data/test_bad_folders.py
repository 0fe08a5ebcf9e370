"""What makes a collection unusable: one line that names the culprit and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from tests.atlantis_core.data.sample_images import (
    class_folders,
    encoded,
    hub_imagefolder,
    picture,
    with_metadata,
    write,
)


def refused(folder: Path, options: ReadOptions | None = None, **others: str) -> str:
    with pytest.raises(SetupError) as caught:
        read_collection(folder, options, **others)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


HEADER = ["file_name", "label", "split"]
ONLY_NUMBERS = [["a.png", "a", "1"], ["b.png", "b", "2"]]
NO_TRAINING = [["a.png", "a", "test"], ["b.png", "b", "test"], ["c.png", "b", "val"]]
DISJOINT = [[f"{n}.png", "abcd"[n // 2], ("train", "val")[n // 4]] for n in range(8)]
ONE_LEFT: dict[str, int | bytes] = {"a/x.png": 1, "a/y.png": 2, "b/z.png": b""}

CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda at: at.mkdir(), "has no classes"),
    "loose files": (lambda at: write(at, {"x.png": 1, "y.png": 2}), "2 files directly in it"),
    "empty folders": (lambda at: (at / "a").mkdir(parents=True), "its folders contain no files"),
    "hidden folders": (
        lambda at: class_folders(at, {".a": 2}),
        "2 files left out: 2 in hidden folders, the first '.a'",
    ),
    "one class": (lambda at: class_folders(at, {"only": 5}), "only one class, 'only'"),
    "nothing readable": (
        lambda at: write(at, {"a/x.jpg": b"junk", "b/y.jpg": b"junk"}),
        "2 files left out: 2 unreadable, the first 'a/x.jpg'",
    ),
    "one class left": (lambda at: write(at, ONE_LEFT), "1 empty, the first 'b/z.png'"),
    "no pair": (lambda at: class_folders(at, {"a": 1, "b": 1}), "no class of .* has two usable images"),
    "no file column": (
        lambda at: with_metadata(at, ["image", "label"], []),
        "'image', 'label', but none named file_name",
    ),
    "no label column": (lambda at: with_metadata(at, ["file_name", "kind"], []), "--label COLUMN"),
    "no rows": (lambda at: with_metadata(at, ["file_name", "label"], []), "no image of .* is usable"),
    "empty csv": (lambda at: write(at, {"metadata.csv": b""}), "metadata.csv is empty"),
    "not text": (lambda at: write(at, {"metadata.csv": b"\xff\xfe\0a"}), "metadata.csv cannot be read"),
    "not json": (lambda at: write(at, {"metadata.jsonl": b"[1]\nx\n"}), "contains no JSON object"),
    "endless cell": (
        lambda at: write(at, {"metadata.csv": b'file_name,label\n"' + b"x" * 200_000}),
        "metadata.csv cannot be read as CSV.*field larger",
    ),
    "no split there": (
        lambda at: with_metadata(at, HEADER, ONLY_NUMBERS),
        r"column 'split' of metadata.csv contains no split \('1', '2'\)",
    ),
    "no training": (
        lambda at: with_metadata(at, HEADER, NO_TRAINING),
        "no usable image is in the training split .only in test and validation.",
    ),
    "one shot per class": (
        lambda at: write(
            at, {f"{seed}/{side}.png": encoded(picture(seed, side)) for seed in (1, 2) for side in (40, 48)}
        ),
        "no image can be held out for validation",
    ),
    "disjoint classes": (lambda at: with_metadata(at, HEADER, DISJOINT), "use --regime unseen"),
}


@pytest.mark.parametrize("case", CASES)
def test_too_little_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    build, message = CASES[case]
    build(tmp_path / "data")
    assert re.search(message, refused(tmp_path / "data"))


def test_a_missing_folder_and_a_file_are_named(tmp_path: Path) -> None:
    assert "there is no folder" in refused(tmp_path / "nowhere")
    assert repr(str(tmp_path / "nowhere")) in refused(tmp_path / "nowhere")
    assert "is a file" in refused(write(tmp_path, {"x.png": 1}) / "x.png")


def test_unknown_columns_are_named_with_the_known_ones(tmp_path: Path) -> None:
    with_metadata(tmp_path, ["file_name", "label"], [[f"{n}.png", "ab"[n % 2]] for n in range(6)])
    assert "--label names the column 'x'; metadata.csv has the columns 'file_name', 'label'" in refused(
        tmp_path, ReadOptions(label="x")
    )
    assert refused(tmp_path, ReadOptions(split="y")).startswith("--split-column names the column 'y'")
    assert refused(tmp_path, ReadOptions(facets=("z",))).startswith("facets name 'z'")


@pytest.mark.parametrize("options", [ReadOptions(label="x"), ReadOptions(split="x"), ReadOptions(facets=("x",))])
def test_column_options_need_a_metadata_file(tmp_path: Path, options: ReadOptions) -> None:
    assert "no metadata file" in refused(class_folders(tmp_path, {"a": 3, "b": 3}), options)


def test_a_split_without_the_metadata_that_the_others_have_is_named(tmp_path: Path) -> None:
    (hub_imagefolder(tmp_path) / "test" / "metadata.csv").unlink()
    assert "the split folder 'test' has no metadata file, but 'train' has one" in refused(tmp_path)


def test_unseen_needs_enough_classes_and_disjoint_ones(tmp_path: Path) -> None:
    assert "at least 6 classes" in refused(class_folders(tmp_path / "few", {"a": 3, "b": 3}), regime="unseen")
    class_folders(tmp_path / "given" / "train", {"a": 3, "b": 3})
    class_folders(tmp_path / "given" / "val", {"b": 3, "c": 3}, first_seed=50)
    message = refused(tmp_path / "given", regime="unseen")
    assert "1 classes are in both ('b' ...)" in message
