"""Reading a metadata file in the Hugging Face imagefolder manner.

`metadata.csv`, `metadata.jsonl` or `meta.csv` holds a row per image: `file_name` (or `path`), `label`,
optional `split` and `role`; every other column may be a facet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import LONGEST_LABEL, LONGEST_VALUE, clean_text, to_printable
from atlantis_core.data.entries import Entry, Listing, parse_split, why_outside
from atlantis_core.records import Problem, Role, Split

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "meta.csv")
"""File names that are looked for, in this order."""

_FILE_COLUMNS = ("file_name", "path")
_LABEL_COLUMNS = ("label", "class", "class_name")
_ROLES: Mapping[str, Role] = {
    "": "both",
    "both": "both",
    "query": "query",
    "gallery": "gallery",
    "train": "train",
}


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column of the file is what."""

    file: str
    label: str
    split: str | None
    role: str | None
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """A metadata file as text: its columns, and its rows with the line each stands on."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    problems: tuple[Problem, ...]


def find_metadata(folder: Path) -> Path | None:
    """Return the folder's metadata file, or None."""
    return next((folder / name for name in METADATA_NAMES if (folder / name).is_file()), None)


def read_metadata(
    root: Path, file: Path, label: str | None, split: str | None, folder_split: Split | None = None
) -> Listing:
    """List the files that a metadata file names.

    Args:
        root: The collection's folder, resolved.
        file: The metadata file; its paths are relative to the folder it lies in.
        label: Column with the class name, or None to look for `label`, `class`, `class_name`.
        split: Column with the split, or None to look for `split`.
        folder_split: The split of the split folder that the file lies in.

    Raises:
        SetupError: The file cannot be read, or a column that is needed or asked for is missing.
    """
    source = file.relative_to(root).as_posix()
    table = _read_jsonl(file, source) if file.suffix == ".jsonl" else _read_csv(file, source)
    columns = _choose_columns(table.header, label, split, source)
    _check_splits(table, columns, source, asked=split is not None)
    base = file.parent.relative_to(root)
    entries: list[Entry] = []
    problems = list(table.problems)
    for line, row in table.rows:
        entry = _entry(root, base, row, columns, f"{source}:{line}", folder_split)
        if isinstance(entry, Entry):
            entries.append(entry)
        else:
            problems.append(entry)
    names = tuple(name for column in columns.others if (name := clean_text(column, LONGEST_VALUE)))
    return Listing(tuple(entries), names, tuple(problems), source)


def _entry(
    root: Path,
    base: Path,
    row: Mapping[str, str],
    columns: _Columns,
    line: str,
    folder_split: Split | None,
) -> Entry | Problem:
    """Return the row's file, or what is wrong with the row."""
    listed = row[columns.file].strip()
    name = (PurePosixPath(base.as_posix()) / listed).as_posix()
    label = clean_text(row[columns.label], LONGEST_LABEL)
    role = _ROLES.get(row[columns.role].strip().lower()) if columns.role else "both"
    split = parse_split(row[columns.split]) if columns.split else folder_split
    reason = "no file name" if not listed else why_outside(root, name)
    if not reason and not label:
        reason = "no label"
    if not reason and role is None:
        reason = (
            f"unknown role: {clean_text(row[columns.role or ''], LONGEST_VALUE)!r} (query, gallery, both or train)"
        )
    if not reason and columns.split and split is None:
        reason = f"unknown split: {clean_text(row[columns.split], LONGEST_VALUE)!r} (train, validation or test)"
    if reason or role is None:
        return Problem(to_printable(clean_text(listed, 400)) or line, reason)
    others = {
        key: value
        for column in columns.others
        if (key := clean_text(column, LONGEST_VALUE)) and (value := clean_text(row[column], LONGEST_VALUE))
    }
    return Entry(root / name, name, label, split, role, others)


def _choose_columns(header: Sequence[str], label: str | None, split: str | None, source: str) -> _Columns:
    found = f"{source} has the columns {', '.join(repr(clean_text(name, LONGEST_VALUE)) for name in header)}"
    file_column = _first_column(header, _FILE_COLUMNS)
    if file_column is None:
        raise SetupError(f"{found}, but none named file_name or path; name the column of file names so")
    label_column = (
        _find_option_column(header, label, "--label", found) if label else _first_column(header, _LABEL_COLUMNS)
    )
    if label_column is None:
        raise SetupError(f"{found}, but none named label; say which holds the class with --label COLUMN")
    split_column = (
        _find_option_column(header, split, "--split-column", found) if split else _first_column(header, ("split",))
    )
    role_column = _first_column(header, ("role",))
    taken = {file_column, label_column, split_column, role_column}
    others = tuple(name for name in header if name not in taken)
    return _Columns(file_column, label_column, split_column, role_column, others)


def _first_column(header: Sequence[str], wanted: Iterable[str]) -> str | None:
    by_name = {name.strip().lower(): name for name in reversed(header)}
    return next((by_name[name] for name in wanted if name in by_name), None)


def _find_option_column(header: Sequence[str], column: str, option: str, found: str) -> str:
    if column not in header:
        raise SetupError(f"{option} names the column {column!r}; {found}")
    return column


def _check_splits(table: _Table, columns: _Columns, source: str, *, asked: bool) -> None:
    """Refuse a split column of which no value is a split: then the wrong column was taken."""
    if columns.split is None or not table.rows:
        return
    values = {row[columns.split] for _, row in table.rows}
    if not any(parse_split(value) for value in values):
        some = ", ".join(repr(clean_text(value, LONGEST_VALUE)) for value in sorted(values)[:5])
        instead = (
            "name another column with --split-column COLUMN" if asked else "rename it if it means something else"
        )
        raise SetupError(
            f"column {columns.split!r} of {source} holds no split ({some}); "
            f"use train, validation and test there, or {instead}"
        )


def _read_csv(file: Path, source: str) -> _Table:
    text = _read_text(file, source)
    first_line = text.partition("\n")[0]
    # Spreadsheets of half of Europe write `;`; a header without a comma tells.
    delimiter = "," if "," in first_line else ";" if ";" in first_line else "\t" if "\t" in first_line else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise SetupError(f"{source} cannot be read as CSV: line {reader.line_num}: {error}") from error
    header = tuple(name for name in reader.fieldnames or () if name)
    if not header:
        raise SetupError(f"{source} is empty; it needs a header with file_name,label and a row per image")
    # Cells beyond the header have the key None; they belong to no column.
    kept = tuple((line, {name: row[name] for name in header}) for line, row in rows)
    return _Table(header, kept, ())


def _read_jsonl(file: Path, source: str) -> _Table:
    found: list[tuple[int, dict[str, str]]] = []
    problems: list[Problem] = []
    header: dict[str, None] = {}
    for line, text in enumerate(_read_text(file, source).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            row = None
        if isinstance(row, dict):
            found.append((line, {str(key): _as_text(value) for key, value in row.items()}))
            header.update(dict.fromkeys(found[-1][1]))
        else:
            problems.append(Problem(f"{source}:{line}", "bad metadata line: not a JSON object"))
    if not header:
        raise SetupError(f"{source} holds no JSON object; it needs one per line, with file_name and label")
    rows = tuple((line, {name: row.get(name, "") for name in header}) for line, row in found)
    return _Table(tuple(header), rows, tuple(problems))


def _as_text(value: Any) -> str:
    """Return a JSON value as text; nested values (boxes, captions by language ...) can be no facet."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _read_text(file: Path, source: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{source} cannot be read: {error}; save it as UTF-8 text") from error
