"""Metadata tables are read strictly: what is damaged is refused in one line with its line number."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.columns import values_of_columns
from atlantis_core.data.file_listing import ReadOptions, list_files
from atlantis_core.data.reading import read_collection
from atlantis_core.importing.import_collection import import_dataset
from atlantis_core.importing.import_plan import ImportOptions
from tests.atlantis_core.data.sample_images import class_folders, write
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

AB = ["a", "b"] * 4
RIGHT = dict(zip(PHOTOS, AB, strict=True))
ROWS = labelled(AB).split("\n")


def changed(line: int, text: str) -> str:
    """Return the table with another line, counted from 1."""
    return "\n".join([*ROWS[: line - 1], text, *ROWS[line:]])


DAMAGED: dict[str, tuple[str | bytes, str]] = {
    "quote to the end": (changed(4, 'p/2.png,"a'), r'line 4: a quote \("\) is opened and not closed'),
    "quote to another quote": (
        "\n".join([*ROWS[:3], 'p/2.png,"a', *ROWS[4:7], 'p/6.png,b"', ROWS[8]]),
        "line 4: a quote .* the rows up to line 8",
    ),
    "text after a quote": (changed(4, 'p/2.png,"a"b'), "line 4: ',' expected after"),
    "column twice": (labelled([f"{label},x" for label in AB], "file_name,label,label"), "names the column 'label' 2"),
    "column twice in two cases": (
        labelled([f"{label},x" for label in AB], "file_name,label,Label"),
        "has the columns 'label' and 'Label'",
    ),
    "header twice": ("\n".join([*ROWS[:5], ROWS[0], *ROWS[5:]]), "repeats its header in line 6"),
    "header twice, with its byte order mark": (
        "\n".join([*ROWS, "\ufeff" + ROWS[0]]),
        "repeats its header in line 10",
    ),
    "comma in a value": (changed(4, "p/2.png,a, b"), r"the 2 cells of the header, the first in line 4 \(3 cells"),
    "missing cell": (changed(4, "p/2.png"), r"the first in line 4 \(1 cells"),
    "several": ("\n".join([ROWS[0], *(f"{row},x" for row in ROWS[1:])]), "^8 rows of metadata.csv do not have the 2"),
    "Latin-1": ("\n".join(ROWS).replace("a\n", "\xe9\n").encode("latin-1"), "0xe9 in line 2 is not UTF-8"),
    "Windows-1252 is named": ("x\n\u20ac".encode("cp1252"), "probably Windows-1252 or Latin-1 text"),
    "UTF-16": ("\n".join(ROWS).encode("utf-16"), "it is UTF-16 text"),
    "UTF-16 without a mark": ("\n".join(ROWS).encode("utf-16-le"), "UTF-16 text or binary"),
    "spreadsheet": (b"PK\x03\x04\x14\x00\x06\x00\xff", "a spreadsheet or an archive"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_table_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    content, message = DAMAGED[case]
    found = refusal_of(with_table(tmp_path, content))
    assert re.search(message, found), found
    assert "metadata.csv" in found


SOUND: dict[str, tuple[str | bytes, str]] = {
    "CRLF": ("\r\n".join(ROWS), "metadata.csv"),
    "CR": ("\r".join(ROWS), "metadata.csv"),
    "byte order mark": ("\ufeff" + "\n".join(ROWS), "metadata.csv"),
    "two byte order marks": ("\ufeff\ufeff" + "\n".join(ROWS), "metadata.csv"),
    "invisible characters in the header": ("\n".join(["file_name\u200b,\u200blabel", *ROWS[1:]]), "metadata.csv"),
    "semicolons": ("\n".join(ROWS).replace(",", ";"), "metadata.csv"),
    "bars": ("\n".join(ROWS).replace(",", "|"), "metadata.csv"),
    "tabs": ("\n".join(ROWS).replace(",", "\t"), "metadata.csv"),
    "tsv": ("\n".join(ROWS).replace(",", "\t"), "metadata.tsv"),
    "row numbers of pandas": (
        "\n".join([f",{ROWS[0]}", *(f"{n},{row}" for n, row in enumerate(ROWS[1:]))]),
        "meta.csv",
    ),
    "empty cells beyond the header": ("\n".join(f"{row},," for row in ROWS), "metadata.csv"),
    "empty rows": ("\n".join([*ROWS[:4], "", ",", *ROWS[4:], ",,"]), "metadata.csv"),
    "quoted after a space": ("\n".join(row.replace(",", ', "') + '"' for row in ROWS), "metadata.csv"),
    "lines in a value": (
        "\n".join([f"{ROWS[0]},words", *(f'{row},"one, two\nthree"' for row in ROWS[1:])]),
        "meta.csv",
    ),
}


@pytest.mark.parametrize("case", SOUND)
def test_every_usual_form_of_a_table_is_read_alike(tmp_path: Path, case: str) -> None:
    content, name = SOUND[case]
    assert classes_of(with_table(tmp_path, content, name)) == RIGHT


def test_parquet_metadata_is_read_with_its_missing_values(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    with_photos(tmp_path)
    labels = pa.array([0, 1, 0, 1, None, 1, 0, 1], pa.int64())
    scores = pa.array([1.0, float("nan"), None, 2.0, 1.0, 2.0, 1.0, 2.0], pa.float64())
    table = pa.table({"file_name": list(PHOTOS), "label": labels, "side": scores})
    parquet.write_table(table, tmp_path / "metadata.parquet")
    loaded = read_collection(tmp_path)
    assert problems_of(loaded) == {"p/4.png": "no label"}
    assert loaded.collection.classes == ("0", "1")
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1 not a table")
    assert "metadata.parquet is not a complete parquet file" in refusal_of(tmp_path)


def test_json_lines_name_the_line_of_a_repeated_key(tmp_path: Path) -> None:
    rows = ['{"file_name": "p/0.png", "label": "a"}', '{"file_name": "p/1.png", "label": "a", "label": "b"}']
    assert "metadata.jsonl:2 has the key 'label' twice" in refusal_of(
        with_table(tmp_path, "\n".join(rows), "metadata.jsonl")
    )


def test_of_two_tables_the_one_that_is_not_read_is_said(tmp_path: Path) -> None:
    with_table(tmp_path, "\n".join(ROWS))
    (tmp_path / "metadata.jsonl").write_text("{}")
    assert "'metadata.jsonl' is not read, because metadata.csv is" in read_collection(tmp_path).notes


@pytest.mark.parametrize("name", ["METADATA.csv", "Metadata.CSV", "MetaData.csv"])
def test_metadata_is_found_in_any_letter_case(tmp_path: Path, name: str) -> None:
    assert classes_of(with_table(tmp_path, labelled(AB), name)) == RIGHT


def test_the_format_of_metadata_is_known_in_any_letter_case(tmp_path: Path) -> None:
    rows = "\n".join(json.dumps({"file_name": name, "label": label}) for name, label in RIGHT.items())
    assert classes_of(with_table(tmp_path / "lines", rows, "metadata.JSONL")) == RIGHT
    tabs = labelled([f"{label}, {label}" for label in AB]).replace("g,", "g\t").replace("e,l", "e\tl")
    found = classes_of(with_table(tmp_path / "tabs", tabs, "metadata.TSV"))
    assert found == {name: f"{label}, {label}" for name, label in RIGHT.items()}


@pytest.mark.parametrize(
    "name", ["labels.csv", "metadata.xlsx", "metadata.json", "a/metadata.csv", "annotations/metadata.csv"]
)
def test_a_table_that_does_not_count_is_said(tmp_path: Path, name: str) -> None:
    write(class_folders(tmp_path, {"a": 3, "b": 3}), {name: b"file_name,label\na/00.png,x\n"})
    assert f"{name!r} is not read: labels are the names of folders" in notes_of(tmp_path)


def test_metadata_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for name in ("link", "pipe"):
        class_folders(tmp_path / name, {"a": 3, "b": 3})
    (tmp_path / "link" / "metadata.csv").symlink_to(tmp_path / "gone.csv")
    os.mkfifo(tmp_path / "pipe" / "metadata.jsonl")
    assert "metadata.csv' is a link that leads to no file" in refusal_of(tmp_path / "link")
    assert "metadata.jsonl' is not a regular file" in refusal_of(tmp_path / "pipe")


def test_rows_that_put_photos_into_another_split_than_their_folder_are_said(tmp_path: Path) -> None:
    photos = class_folders(tmp_path, {"train/a": 4, "train/b": 4, "val/a": 2, "val/b": 2})
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    rows = [f"{name},{name[-8]},{'validation' if name.endswith('3.png') else 'train'}" for name in names]
    (photos / "metadata.csv").write_text("\n".join(["file_name,label,split", *rows]))
    said = (
        "6 photos of metadata.csv in another split than that of the folder, the first 'train/a/03.png' (validation)"
    )
    assert said in notes_of(photos)


def test_a_refusal_names_the_row_that_is_wrong_first(tmp_path: Path) -> None:
    message = refusal_of(with_table(tmp_path, "\n".join(["file_name,label", "q%2F0.png,a", "q%2F1.png,b"])))
    assert "the first 'q%2F0.png' (missing: no such file)" in message
    one = refusal_of(with_table(tmp_path, labelled(["a"] * 8)))
    assert "only one class, 'a'; retrieval needs at least two" in one
    assert "subfolders" not in one


def test_a_line_break_within_a_file_name_or_a_remark_is_no_open_quote(tmp_path: Path) -> None:
    names = ("p/a\nb.png", *PHOTOS[1:])
    with_photos(tmp_path, names)
    remarks = ["seen with\nx, other.png, here", *["-"] * 7]
    rows = [f'"{name}",{label},"{remark}"' for name, label, remark in zip(names, AB, remarks, strict=True)]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,label,words", *rows]))
    assert classes_of(tmp_path) == dict(zip(names, AB, strict=True))


@pytest.mark.parametrize("first", ["", "  ", ",,", "sep=,", "SEP=,\n"])
def test_what_may_stand_above_a_header_is_passed_over(tmp_path: Path, first: str) -> None:
    assert classes_of(with_table(tmp_path, "\n".join([first, *ROWS]))) == RIGHT


def test_the_delimiter_that_a_spreadsheet_names_is_used(tmp_path: Path) -> None:
    assert classes_of(with_table(tmp_path, "sep=;\r\n" + "\r\n".join(ROWS).replace(",", ";"))) == RIGHT


def test_a_remark_above_the_header_is_named(tmp_path: Path) -> None:
    found = refusal_of(with_table(tmp_path, "\n".join(["# from a phone", *ROWS])))
    assert "begins with '# from a phone', which is not a header" in found


BAD_LINES = {
    "Windows path": ('{"file_name": "p\\0.png", "label": "a"}', "Invalid \\escape, column 17"),
    "comma after it": ('{"file_name": "p/0.png", "label": "a"},', "Extra data, column 39"),
    "long number": ('{"file_name": "p/0.png", "label": ' + "1" * 5000 + "}", "a number in it is too long"),
    "list": ("[1, 2]", "not a JSON object"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_of_json_is_named_with_what_is_wrong_in_it(tmp_path: Path, case: str) -> None:
    line, reason = BAD_LINES[case]
    rows = [json.dumps({"file_name": name, "label": label}) for name, label in RIGHT.items()]
    with_table(tmp_path, "\n".join([line, *rows]), "metadata.jsonl")
    assert reason in problems_of(read_collection(tmp_path))["metadata.jsonl:1"]
    with_table(tmp_path, line, "metadata.jsonl")
    found = refusal_of(tmp_path)
    assert "metadata.jsonl:1: not a JSON object" in found
    assert reason in found


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_json_may_end_in_every_usual_way(tmp_path: Path, end: str) -> None:
    rows = [json.dumps({"file_name": name, "label": label}) for name, label in RIGHT.items()]
    assert classes_of(with_table(tmp_path, end.join([*rows, ""]), "metadata.jsonl")) == RIGHT


def test_a_label_that_is_a_list_is_not_called_missing(tmp_path: Path) -> None:
    labels = [["a"], {"id": 1}, None, "b", "a", "b", "a", "b"]
    rows = [json.dumps({"file_name": name, "label": label}) for name, label in zip(PHOTOS, labels, strict=True)]
    rows.append(json.dumps({"file_name": ["p/0.png"], "label": "a"}))
    found = problems_of(read_collection(with_table(tmp_path, "\n".join(rows), "metadata.jsonl")))
    assert found == {
        "p/0.png": "no label: 'label' contains a list, not a text or number",
        "p/1.png": "no label: 'label' contains an object, not a text or number",
        "p/2.png": "no label",
        "metadata.jsonl:9": "no file name: 'file_name' contains a list, not a text or number",
    }


def with_parquet(folder: Path, **columns: Any) -> Path:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    with_photos(folder)
    table = pa.table({"file_name": list(PHOTOS), "label": AB} | {name: make(pa) for name, make in columns.items()})
    parquet.write_table(table, folder / "metadata.parquet")
    return folder


PARQUET: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "texts without their type": (lambda pa: pa.array([label.encode() for label in AB]), AB),
    "dictionary": (lambda pa: pa.array(AB).dictionary_encode(), AB),
    "floats of 32 bits": (lambda pa: pa.array([0.1, 0.25] * 4, pa.float32()), ["0.1", "0.25"] * 4),
    "decimals": (lambda pa: pa.array([Decimal("0.00"), Decimal("70.00")] * 4, pa.decimal128(9, 2)), ["0", "70"] * 4),
    "truth": (lambda pa: pa.array([True, False] * 4), ["True", "False"] * 4),
    "dates": (lambda pa: pa.array([date(2024, 1, 5), date(2024, 1, 6)] * 4), ["2024-01-05", "2024-01-06"] * 4),
}


@pytest.mark.parametrize("case", PARQUET)
def test_labels_of_parquet_are_those_that_were_written(tmp_path: Path, case: str) -> None:
    make, labels = PARQUET[case]
    assert classes_of(with_parquet(tmp_path, label=make)) == dict(zip(PHOTOS, labels, strict=True))


UNREADABLE_COLUMNS: dict[str, Callable[[Any], Any]] = {
    "unknown time zone": lambda pa: pa.array(range(8), pa.timestamp("s", tz="Mars/Base")),
    "bytes as text": lambda pa: pa.Array.from_buffers(pa.string(), 8, pa.array([b"\xff"] * 8).buffers()),
}


@pytest.mark.parametrize("case", UNREADABLE_COLUMNS)
def test_a_column_of_parquet_that_cannot_be_read_is_named(tmp_path: Path, case: str) -> None:
    found = refusal_of(with_parquet(tmp_path, when=UNREADABLE_COLUMNS[case]))
    assert found.startswith("the column 'when' of metadata.parquet cannot be read")
    source = tmp_path / "src"
    source.mkdir()
    (tmp_path / "metadata.parquet").rename(source / "train-00000-of-00001.parquet")
    with pytest.raises(SetupError):
        import_dataset("hf", source, tmp_path / "out", ImportOptions())


def test_a_column_of_parquet_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = [pa.array(values) for values in (PHOTOS, AB, AB)]
    parquet.write_table(
        pa.Table.from_arrays(columns, names=["file_name", "label", "label"]), tmp_path / "metadata.parquet"
    )
    assert "metadata.parquet names the column 'label' 2 times" in refusal_of(tmp_path)


def test_an_address_in_place_of_a_file_is_called_one(tmp_path: Path) -> None:
    with_table(tmp_path, "\n".join([*ROWS, "https://x.org/p/0.png,a"]))
    found = problems_of(read_collection(tmp_path))
    assert found["https://x.org/p/0.png"].startswith("outside the folder: it is an address (URL)")


def test_of_repeated_rows_the_first_counts_for_every_column(tmp_path: Path) -> None:
    rows = [f"{name},{label},{number},day" for number, (name, label) in enumerate(RIGHT.items())]
    with_table(tmp_path, "\n".join(["file_name,label,item,light", *rows, "p/0.png,a,99,night"]))
    collection = read_collection(tmp_path).collection
    ids = {image.path.rpartition("/")[2]: image.id for image in collection.images}
    known = values_of_columns(collection, ReadOptions(), ["item"])["item"]
    assert {known[identity] for name, identity in ids.items() if name == "0.png"} <= {"0"}
    assert "99" not in known.values()


@pytest.mark.parametrize("columns", ["{file},{label}", "{label},{file}", "{file},{label},words"])
def test_a_quote_anywhere_is_refused_or_changes_no_label(tmp_path: Path, columns: str) -> None:
    """No quote may turn rows into one cell: every photo keeps its class, or is named, or the table is refused."""
    with_photos(tmp_path)
    rows = [columns.format(file=name, label=label) for name, label in {"file_name": "label", **RIGHT}.items()]
    table, refused = "\n".join(rows), 0
    for place in range(len(table) + 1):
        (tmp_path / "metadata.csv").write_text(f'{table[:place]}"{table[place:]}')
        try:
            listing = list_files(tmp_path, ReadOptions())
        except SetupError:
            refused += 1
            continue
        found = {entry.name: entry.label.strip('"') for entry in listing.entries if entry.name in RIGHT}
        named = {problem.path for problem in listing.problems}
        assert found.items() <= RIGHT.items()
        assert RIGHT.keys() - found.keys() <= named
    assert refused > len(RIGHT)
