"""Reading a metadata file in Hugging Face's imagefolder format.

`metadata.csv`, `metadata.jsonl` or `meta.csv` has a row per image: `file_name` (or `path`), `label`, optional `split`
and `role`; every other column may be a facet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import LONGEST_LABEL, LONGEST_VALUE, clean_text, to_printable
from atlantis_core.data.entries import Entry, Listing, parse_split, why_outside
from atlantis_core.records import Problem, Role, Split

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "meta.csv")
"""Accepted file names, in order of preference."""

_FILE_COLUMNS = ("file_name", "path")
_LABEL_COLUMNS = ("label", "class", "class_name")
_ROLES: Mapping[str, Role] = {"": "both", "both": "both", "query": "query", "gallery": "gallery", "train": "train"}


@dataclass(frozen=True, slots=True)
class _Columns:
    file: str
    label: str
    split: str | None
    role: str | None
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """A metadata file as text: its columns, and its rows with their line numbers."""

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

    Paths in the file are relative to its own folder; `folder_split` is the split of the folder that contains it. If
    `label` or `split` is None, the usual column names are looked for.

    Raises:
        SetupError: The file cannot be read, or a column that is required or named is missing.
    """
    source = file.relative_to(root).as_posix()
    table = _read_jsonl(file, source) if file.suffix == ".jsonl" else _read_csv(file, source)
    columns = _choose_columns(table.header, label, split, source)
    _check_splits(table, columns, source, is_named=split is not None)
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
    root: Path, base: Path, row: Mapping[str, str], columns: _Columns, line: str, folder_split: Split | None
) -> Entry | Problem:
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
        raise SetupError(f"{found}, but none named file_name or path; rename the column with the file names")
    label_column = _named_column(header, label, "--label", found) or _first_column(header, _LABEL_COLUMNS)
    if label_column is None:
        raise SetupError(f"{found}, but none named label; name the one with the class by --label COLUMN")
    split_column = _named_column(header, split, "--split-column", found) or _first_column(header, ("split",))
    role_column = _first_column(header, ("role",))
    taken = {file_column, label_column, split_column, role_column}
    others = tuple(name for name in header if name not in taken)
    return _Columns(file_column, label_column, split_column, role_column, others)


def _first_column(header: Sequence[str], wanted: Iterable[str]) -> str | None:
    by_name = {name.strip().lower(): name for name in reversed(header)}
    return next((by_name[name] for name in wanted if name in by_name), None)


def _named_column(header: Sequence[str], column: str | None, option: str, found: str) -> str | None:
    if column and column not in header:
        raise SetupError(f"{option} names the column {column!r}; {found}")
    return column


def _check_splits(table: _Table, columns: _Columns, source: str, *, is_named: bool) -> None:
    """Refuse a split column without a single split among its values: it is probably the wrong column."""
    if columns.split is None or not table.rows:
        return
    values = {row[columns.split] for _, row in table.rows}
    if not any(parse_split(value) for value in values):
        some = ", ".join(repr(clean_text(value, LONGEST_VALUE)) for value in sorted(values)[:5])
        other = (
            "name another column with --split-column COLUMN" if is_named else "rename it if it means something else"
        )
        raise SetupError(
            f"column {columns.split!r} of {source} contains no split ({some}); "
            f"use train, validation and test there, or {other}"
        )


def _read_csv(file: Path, source: str) -> _Table:
    text = _read_text(file, source)
    first_line = text.partition("\n")[0]
    # Spreadsheets in much of Europe write `;`; their header has no comma.
    delimiter = "," if "," in first_line else ";" if ";" in first_line else "\t" if "\t" in first_line else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise SetupError(f"{source} cannot be read as CSV: line {reader.line_num}: {error}") from error
    header = tuple(name for name in reader.fieldnames or () if name)
    if not header:
        raise SetupError(f"{source} is empty; it needs a header with file_name,label and a row per image")
    # Cells beyond the header have the key None.
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
            # Nested values (boxes, captions by language ...) cannot be facets.
            texts = {key: "" if isinstance(value, dict | list | None) else str(value) for key, value in row.items()}
            found.append((line, texts))
            header.update(dict.fromkeys(texts))
        else:
            problems.append(Problem(f"{source}:{line}", "bad metadata line: not a JSON object"))
    if not header:
        raise SetupError(f"{source} contains no JSON object; it needs one per line, with file_name and label")
    rows = tuple((line, {name: row.get(name, "") for name in header}) for line, row in found)
    return _Table(tuple(header), rows, tuple(problems))


def _read_text(file: Path, source: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{source} cannot be read: {error}; save it as UTF-8 text") from error
