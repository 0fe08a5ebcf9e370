"""Missing values are missing and never a class; one value has one spelling; what only looks alike is said."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.filtering.embedded import filter_embeddings
from atlantis_core.filtering.embedding_files import read_embedding_file, to_embedded_images
from atlantis_core.importing.import_collection import import_dataset
from atlantis_core.importing.import_plan import ImportOptions
from tests.atlantis_core.data.sample_images import class_folders, encoded, picture, write
from tests.inputs.small_tables import (
    PHOTOS,
    classes_of,
    labelled,
    notes_of,
    problems_of,
    refusal_of,
    with_photos,
    with_table,
)


def json_lines(labels: list[Any], **others: list[Any]) -> str:
    rows = [
        {"file_name": name, "label": label, **{key: values[row] for key, values in others.items()}}
        for row, (name, label) in enumerate(zip(PHOTOS, labels, strict=True))
    ]
    return "\n".join(map(json.dumps, rows))


NAN = float("nan")


@pytest.mark.parametrize("missing", [NAN, None, ""])
def test_a_missing_label_of_json_is_no_class(tmp_path: Path, missing: Any) -> None:
    loaded = read_collection(
        with_table(tmp_path, json_lines(["x", "y", "x", "y", missing, "x", "y", "x"]), "metadata.jsonl")
    )
    assert loaded.collection.classes == ("x", "y")
    assert problems_of(loaded) == {"p/4.png": "no label"}
    assert loaded.collection.files is not None
    assert loaded.collection.files.left_out == {"no label": 1}


def test_a_missing_facet_value_is_no_value(tmp_path: Path) -> None:
    light = ["day", NAN, "night", None, "day", "night", "", "day"]
    loaded = read_collection(with_table(tmp_path, json_lines(["x", "y"] * 4, light=light), "metadata.jsonl"))
    assert {image.facets.get("light") for image in loaded.collection.images} <= {"day", "night", None}


COLUMNS: dict[str, tuple[list[str], list[str]]] = {
    "whole floats beside a missing value": (
        ["0.0", "1.0", "", "1.0", "0.0", "1.0", "0.0", "1.0"],
        ["0", "1", "", *"10101"],
    ),
    "both spellings": (["0", "1", "0.0", "1.0", "0", "1", "0.0", "1.0"], list("01010101")),
    "nan among numbers": (
        ["0.0", "1.0", "nan", "1.0", "0.0", "NaN", "0.0", "1.0"],
        ["0", "1", "", "1", "0", "", "0", "1"],
    ),
    "exponents": (["1e3", "1000", "7", "7.0", "1E+3", "1000.0", "7", "7"], ["1000", "1000", "7", "7"] * 2),
    "true fractions stay": (["1.0", "1.5", "2.0", "1.5"] * 2, ["1.0", "1.5", "2.0", "1.5"] * 2),
    "fractions in two spellings": (["0.5", "0.50", "1", "1.0"] * 2, ["0.5", "0.5", "1", "1"] * 2),
    "codes stay": (["007", "7", "007", "7"] * 2, ["007", "7", "007", "7"] * 2),
    "names with numbers stay": (["3.0", "three", "3.0", "three"] * 2, ["3.0", "three", "3.0", "three"] * 2),
    "words stay": (["nan", "x", "NA", "None"] * 2, ["nan", "x", "NA", "None"] * 2),
    "truth": (["True", "False"] * 4, ["True", "False"] * 4),
    "digits beyond the 28th": (
        [f"0.{'1' * 40}", f"0.{'1' * 39}2", "0.5", "0.50"] * 2,
        [f"0.{'1' * 40}", f"0.{'1' * 39}2", "0.5", "0.5"] * 2,
    ),
    "ids of 20 digits": (["12345678901234567890", "12345678901234567891"] * 4,) * 2,
    "exponents and signs": (["1e3", "1000", "-0", "0.0"] * 2, ["1000", "1000", "0", "0"] * 2),
    "signs": (["-1.0", "1.0", "-1", "+1"] * 2, ["-1", "1", "-1", "1"] * 2),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_a_column_of_numbers_has_one_spelling(tmp_path: Path, case: str) -> None:
    written, right = COLUMNS[case]
    expected = {name: label for name, label in zip(PHOTOS, right, strict=True) if label}
    assert classes_of(with_table(tmp_path, labelled(written))) == expected


def test_json_numbers_are_read_like_text(tmp_path: Path) -> None:
    labels = [0, 1, 0.0, 1.0, NAN, None, 0, 1]
    found = classes_of(with_table(tmp_path, json_lines(labels), "metadata.jsonl"))
    assert found == {name: str(int(label)) for name, label in zip(PHOTOS, labels, strict=True) if label in (0, 1)}


def test_numbers_of_two_splits_are_one_column(tmp_path: Path) -> None:
    """Training labels 0, 1 and test labels 0.0, 1.0 beside a missing value are the same two classes."""
    for split, labels in (("train", "01010101"), ("test", ["0.0", "1.0", "", "1.0", "0.0", "1.0", "0.0", "1.0"])):
        photos = {f"{split}/{n}.png": n + 10 * (split == "test") for n in range(8)}
        write(tmp_path, photos)
        rows = [f"{n}.png,{label}" for n, label in enumerate(labels)]
        (tmp_path / split / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    loaded = read_collection(tmp_path)
    held_out = loaded.sealed.open("test", lambda _: None)
    assert {image.label for image in held_out} == {"0", "1"} == set(loaded.collection.classes)
    assert len(held_out) == 7


def test_respelled_numbers_and_lost_digits_are_said(tmp_path: Path) -> None:
    notes = notes_of(with_table(tmp_path / "small", labelled(["0.0", "1.0"] * 4)))
    assert "one spelling for one number in 'label' ('0.0' is read as '0')" in notes
    large = ["12345678901234567000.0", "1.2345678901234568e+19"] * 4
    write(tmp_path / "large", {"q/0.png": 100, "q/1.png": 101})
    rows = [*labelled(large).split("\n"), "q/0.png,5", "q/1.png,5"]
    assert "different ones may have become equal" in notes_of(with_table(tmp_path / "large", "\n".join(rows)))


def test_words_for_missing_values_stay_text_with_a_warning(tmp_path: Path) -> None:
    notes = notes_of(with_table(tmp_path, labelled(["nan", "x", "NA", "x"] * 2)))
    assert "class 'nan' (2 images), 'NA' (2 images) is read as text" in notes
    notes = notes_of(
        with_table(tmp_path, labelled(["x,None", "y,None", "x,day", "y,day"] * 2, "file_name,label,light"))
    )
    assert "'light': 'None' (4 images) is read as text" in notes


HELD_OUT = ["validation"] * 4
SPLIT_COLUMNS = {
    "training called something else": (
        ["None"] * 4 + HELD_OUT,
        "4 unknown split, the first 'p/0.png' (unknown split",
    ),
    "training without a split": ([""] * 4 + HELD_OUT, "4 no split, the first 'p/0.png' (no split"),
    "held-out called something else": (["train"] * 4 + ["val2"] * 4, "no held-out split, but 'val2' in 4 rows"),
}


@pytest.mark.parametrize("case", SPLIT_COLUMNS)
def test_a_split_that_is_lost_to_its_spelling_is_refused_with_the_spelling(tmp_path: Path, case: str) -> None:
    splits, message = SPLIT_COLUMNS[case]
    rows = [f"{label},{split}" for label, split in zip("abababab", splits, strict=True)]
    assert message in refusal_of(with_table(tmp_path, labelled(rows, "file_name,label,split")))


@pytest.mark.parametrize("word", ["None", "nan", ""])
def test_a_missing_role_is_both(tmp_path: Path, word: str) -> None:
    rows = [f"{label},{role}" for label, role in zip("abababab", [word] * 4 + ["gallery"] * 4, strict=True)]
    with_table(tmp_path, labelled(rows, "file_name,label,role"))
    loaded = read_collection(tmp_path)
    assert problems_of(loaded) == {}
    assert {image.role for image in loaded.collection.images} == {"both", "gallery"}


ALIKE = {
    "case": ("Cat", "cat"),
    "underscore": ("black cat", "black_cat"),
    "gap": ("blackcat", "black cat"),
    "number": ("3.0", "3"),
    "zeros": ("03", "3"),
    "truth": ("True", "1"),
    "joiner": ("a\u200db", "ab"),
    "width": ("\uff21", "A"),
    "thousands": ("1,000", "1000"),
    "thousands of Python": ("1_000", "1000"),
    "exponent": ("1e3", "1000"),
    "decimal comma": ("1,5", "1.5"),
    "variation": ("\u2764", "\u2764\ufe0f"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_labels_that_look_alike_are_shown_side_by_side(tmp_path: Path, case: str) -> None:
    one, other = ALIKE[case]
    class_folders(tmp_path, {one: 3, other: 3, "dog": 3})
    loaded = read_collection(tmp_path)
    assert len(loaded.collection.classes) == 3
    (note,) = [note for note in loaded.notes if "look alike" in note]
    shown = {ascii(label) if "\u200d" in label or "\ufe0f" in label else repr(label) for label in (one, other)}
    assert all(f"{label} (3)" in note for label in shown)


@pytest.mark.parametrize(
    "labels", [("1-2", "12"), ("a1", "a2"), ("-3", "3"), ("cat", "cats"), ("123-456", "123456"), ("1,5", "15")]
)
def test_other_labels_raise_no_warning(tmp_path: Path, labels: tuple[str, str]) -> None:
    assert "look alike" not in notes_of(class_folders(tmp_path, dict.fromkeys(labels, 3)))


def test_labels_that_look_alike_across_splits_are_shown_with_their_splits(tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"Cat": 3, "dog": 3})
    class_folders(tmp_path / "validation", {"cat": 2, "dog": 2}, first_seed=20)
    assert "'Cat' (3 train) / 'cat' (2 validation)" in notes_of(tmp_path)


def test_labels_that_become_equal_are_one_class_and_said(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    labels = [composed, decomposed, "x", "x\u200b", composed, decomposed, "x", " x "]
    with_table(tmp_path, labelled(labels))
    loaded = read_collection(tmp_path)
    assert loaded.collection.classes == (composed, "x")
    (note,) = [note for note in loaded.notes if "several ways" in note]
    assert ascii(decomposed) in note
    assert repr("x") + " and " + ascii("x\u200b") in note


def test_parquet_labels_of_numbers_and_nulls(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    labels = [0.0, 1.0, None, 1.0, NAN, 0.0]
    photos = [{"bytes": encoded(picture(seed)), "path": f"{seed}.png"} for seed in range(6)]
    table = pa.table(
        {"image": photos, "label": pa.array(labels, pa.float64()), "light": ["d", None, "n", "d", "n", "d"]}
    )
    (tmp_path / "src").mkdir()
    parquet.write_table(table, tmp_path / "src" / "train-00000-of-00001.parquet")
    found = import_dataset("hf", tmp_path / "src", tmp_path / "out", ImportOptions())
    rows = (tmp_path / "out" / "metadata.csv").read_text().split()[1:]
    assert [row.split(",")[1] for row in rows] == ["0", "1", "1", "0"]
    notes = " | ".join(found.notes)
    assert "2 rows without a label left out: row 3 of train-00000-of-00001.parquet, row 5 of" in notes
    assert "('0.0' is read as '0')" in notes


EMBEDDINGS = np.eye(4, dtype=np.float32)
REFUSED_LABELS: dict[str, tuple[Any, str]] = {
    "None": (np.array(["a", None, "b", None], object), "no label in 2 rows, the first 1"),
    "NaN": (np.array(["a", NAN, "b", "b"], object), "no label in 1 row, the first 1"),
    "float NaN": (np.array([0.0, 1.0, NAN, 1.0]), "no label in 1 row, the first 2"),
    "empty": (np.array(["a", "", "b", "b"]), "no label in 1 row, the first 1"),
    "spaces": (np.array(["a", " ", "b", "b"]), "no label in 1 row, the first 1"),
    "floats that merge neighbours": (np.array([1e19, 1e20, 1e19, 1e20]), "labels above 9,007,199,254,740,992"),
    "infinity": (np.array([0.0, np.inf, 0.0, np.inf]), "labels above 9,007,199,254,740,992"),
    "truth": (np.array([True, False, True, False]), "labels integers or strings"),
    "fractions": (np.array([0.5, 1.5, 0.5, 1.5]), "labels integers or strings"),
}


@pytest.mark.parametrize("case", REFUSED_LABELS)
def test_missing_labels_of_embeddings_are_refused_with_their_row(case: str) -> None:
    labels, message = REFUSED_LABELS[case]
    with pytest.raises(SetupError, match=message):
        to_embedded_images((EMBEDDINGS, labels), "real")


def test_pandas_missing_values_of_embeddings_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    for missing in (pandas.NA, pandas.NaT, None):
        labels = pandas.Series(["a", missing, "b", "b"], dtype=object)
        with pytest.raises(SetupError, match="no label in 1 row, the first 1"):
            to_embedded_images((EMBEDDINGS, labels), "real")


@pytest.mark.parametrize("labels", [[0.0, 1.0, 0.0, 1.0], np.array([0, 1.0, 0, 1], object), ["0", "1.0", "0.0", "1"]])
def test_whole_floats_of_embeddings_are_integers(labels: Any) -> None:
    read = to_embedded_images((EMBEDDINGS, np.asarray(labels)), "real")
    assert (read.labels.tolist(), read.names or ("0", "1")) == ([0, 1, 0, 1], ("0", "1"))


def test_a_pickled_array_says_what_to_write(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    labels = np.array(["a", "b", "a", "b"], dtype=object)
    np.savez(file, embeddings=EMBEDDINGS, labels=labels)
    with pytest.raises(SetupError, match=r"the array 'labels' has dtype object.*numpy\.array\(labels, dtype=str\)"):
        read_embedding_file(file)
    np.savez(file, embeddings=EMBEDDINGS, labels=np.array(labels, dtype=str))
    assert read_embedding_file(file).names == ("a", "b")


def test_labels_of_embeddings_are_cleaned_like_those_of_tables_and_that_is_said() -> None:
    composed, decomposed = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    real = to_embedded_images((EMBEDDINGS, [composed, decomposed, "x ", "x\u200b"]), "real")
    assert real.names == (composed, "x")
    made = to_embedded_images((EMBEDDINGS[:1], [decomposed]), "synthetic")
    (remark,) = filter_embeddings(real, made).remarks
    assert "read as one class" in remark
    assert ascii(decomposed) in remark


def test_numbers_on_both_sides_have_one_spelling() -> None:
    """Beside 1.5 a class stays 1.0; alone on the other side it would be 1."""
    real = to_embedded_images((EMBEDDINGS, ["1.0", "1.5", "1.0", "1.5"]), "real")
    made = to_embedded_images((EMBEDDINGS[[0, 2]], ["1.0", "1.0"]), "synthetic")
    assert filter_embeddings(real, made).nearest_own.tolist() == [True, True]


def test_arrays_of_other_names_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", features=EMBEDDINGS, y=[0, 1, 0, 1])
    with pytest.raises(SetupError, match=r"lacks an array 'embeddings'; it contains 'features', 'y'"):
        read_embedding_file(tmp_path / "x.npz")


def test_classes_that_look_alike_on_both_sides_are_named() -> None:
    real = to_embedded_images((EMBEDDINGS, ["Cat", "Cat", "dog", "dog"]), "real")
    made = to_embedded_images((EMBEDDINGS[:1], ["cat"]), "synthetic")
    with pytest.raises(ToolError, match=r"no real image has class 'cat' \(there is 'Cat'\)"):
        filter_embeddings(real, made)


def test_a_file_column_of_numbers_is_not_respelled(tmp_path: Path) -> None:
    with_photos(tmp_path, [f"{number}.0" for number in range(8)])
    rows = [f"{number}.0,{'ab'[number % 2]}" for number in range(8)]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    assert len(classes_of(tmp_path)) == 8


def test_a_named_label_column_follows_the_same_rule(tmp_path: Path) -> None:
    rows = [f"x,{number % 2}.0" for number in range(8)]
    with_table(tmp_path, labelled(rows, "file_name,label,item"))
    assert read_collection(tmp_path, ReadOptions(label="item")).collection.classes == ("0", "1")


def test_class_folders_follow_the_rule_for_columns_and_imports_keep_their_classes(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "numbers", {"0.0": 3, "1.0": 3, "1": 2, "nan": 1})
    loaded = read_collection(source)
    assert loaded.collection.classes == ("0", "1")
    assert problems_of(loaded)["nan/00.png"].startswith("no label")
    assert "one spelling for one number in the class folders" in " ".join(loaded.notes)
    for names in ({"0.0": 3, "1.0": 3}, {"1.0": 3, "1.5": 3}, {"3": 2, "3.0": 2, "dog": 2}):
        source = class_folders(tmp_path / "-".join(names), names)
        target = tmp_path / "imported" / source.name
        target.parent.mkdir(exist_ok=True)
        import_dataset("folder", source, target, ImportOptions())
        assert read_collection(target).collection.classes == read_collection(source).collection.classes
