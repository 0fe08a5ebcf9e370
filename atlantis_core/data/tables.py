"""Strict readers of metadata tables: CSV, TSV, JSON Lines and parquet, as text cells with line numbers.

A missing value is an empty cell, JSON `null` or `NaN`, or a null of parquet; `nan` also among numbers only (see
`number_columns`). Other words (`NA`, `None`) are text: a class may have that name.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import LONGEST_VALUE, clean_text, to_printable
from atlantis_core.data.number_columns import NumberRule, apply_rule, choose_number_rule, describe_rules
from atlantis_core.records import Problem


@dataclass(frozen=True, slots=True)
class Table:
    """A metadata file as text: its columns, and its rows with their line numbers."""

    source: str
    """Name of the file, for messages."""
    header: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]
    problems: tuple[Problem, ...] = ()
    nested: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """Line and column of cells that are empty because they contain no text or number -> what they contain."""


def read_table(file: Path, source: str) -> Table:
    """Read a metadata file by its suffix; `source` names it in messages.

    Raises:
        SetupError: The file is damaged, is not UTF-8 text, is empty, or names a column twice.
    """
    from atlantis_core.data.csv_table import read_csv_table

    readers = {".jsonl": _read_jsonl, ".parquet": _read_parquet}
    return readers.get(file.suffix, read_csv_table)(file, source)


def read_utf8(file: Path, source: str) -> str:
    """Return the text of a file; a `SetupError` that names its encoding if it is not UTF-8."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SetupError(f"{source} cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"{_guess_encoding(content)} (byte 0x{content[error.start]:02x} in line {line} is not UTF-8)"
        raise SetupError(f"{source} cannot be read: it is {found}; save it as UTF-8 text") from error
    if text.count("\0") > len(text) // 4:
        raise SetupError(f"{source} cannot be read: it is UTF-16 text or binary; save it as UTF-8 text")
    return text


def _guess_encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    if content.startswith(b"PK\x03\x04"):
        return "a spreadsheet or an archive, not text"
    return "not text" if b"\0" in content else "probably Windows-1252 or Latin-1 text"


def check_header(header: Sequence[str], source: str) -> None:
    """Refuse a column that is named twice: it would be unclear which one counts."""
    counts = Counter(clean_text(name, LONGEST_VALUE) for name in header if name.strip())
    if twice := [name for name, count in counts.items() if count > 1]:
        raise SetupError(
            f"{source} names the column {twice[0]!r} {counts[twice[0]]} times; rename or remove the others"
        )


def cell_text(value: Any) -> str:
    """Return a value of JSON or parquet as a text cell; missing and nested values, and binary ones, are empty."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bytes):  # texts without their type, as some programs write them
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    return str(value)


def unify_numbers(tables: Sequence[Table], unchanged: Iterable[str]) -> tuple[list[Table], list[str]]:
    """Apply the rule for columns of numbers to tables that belong together; also return sentences on what changed."""
    rules: dict[str, NumberRule] = {}
    for column in dict.fromkeys(name for table in tables for name in table.header):
        cells = [[row.get(column, "") for _, row in table.rows] for table in tables]
        rule = choose_number_rule(cell for part in cells for cell in part)
        if rule.spelled and column.strip().lower() not in unchanged:
            rules[repr(clean_text(column, LONGEST_VALUE))] = rule
            tables = [
                _replace_column(table, column, apply_rule(rule, part))
                for table, part in zip(tables, cells, strict=True)
            ]
    return list(tables), describe_rules(rules)


def _replace_column(table: Table, column: str, cells: Sequence[str]) -> Table:
    if column not in table.header:
        return table
    rows = ((line, {**row, column: cell}) for (line, row), cell in zip(table.rows, cells, strict=True))
    return replace(table, rows=tuple(rows))


def _read_jsonl(file: Path, source: str) -> Table:
    found: list[tuple[int, dict[str, Any]]] = []
    problems: list[Problem] = []
    for line, text in enumerate(read_utf8(file, source).split("\n"), start=1):
        if not text.strip():
            continue
        row = _parse_object(text, f"{source}:{line}")
        if isinstance(row, str):
            problems.append(Problem(f"{source}:{line}", f"bad metadata line: {row}"))
        else:
            found.append((line, row))
    if not found:
        first = f"; {problems[0].path}: {problems[0].problem.partition(': ')[2]}" if problems else ""
        raise SetupError(f"{source} contains no JSON object; it needs one per line, with file_name and label{first}")
    header = tuple(dict.fromkeys(name for _, row in found for name in row))
    check_header(header, source)
    return _to_table(source, header, found, problems)


def _to_table(
    source: str, header: tuple[str, ...], rows: Sequence[tuple[int, Mapping[str, Any]]], problems: Sequence[Problem]
) -> Table:
    cells = tuple((line, {name: cell_text(row.get(name)) for name in header}) for line, row in rows)
    # Nested values (boxes, captions by language ...) cannot be facets.
    nested = {
        (line, name): what
        for line, row in rows
        for name, value in row.items()
        if (what := "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "")
    }
    return Table(source, header, cells, tuple(problems), nested)


def _parse_object(text: str, where: str) -> dict[str, Any] | str:
    """Return a JSON object, or why the text is something else."""

    def check_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if twice := [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]:
            raise SetupError(f"{where} has the key {to_printable(twice[0])!r} twice; remove one")
        return dict(pairs)

    try:
        row = json.loads(text, object_pairs_hook=check_keys)
    except json.JSONDecodeError as error:
        return f"not a JSON object: {error.msg}, column {error.colno}"
    except (ValueError, RecursionError):  # numbers of thousands of digits
        return "not a JSON object: it is nested too deeply, or a number in it is too long"
    return row if isinstance(row, dict) else "not a JSON object"


def _read_parquet(file: Path, source: str) -> Table:
    """Read a parquet file; a row's line number is its number, from 1."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise SetupError(f"reading {source} needs pyarrow; run: pip install 'atlantis-dml[hf]'") from error
    try:
        header = tuple(parquet.read_schema(file).names)
        check_header(header, source)
        found = parquet.read_table(file)
    except (OSError, ValueError, ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"{source} is not a complete parquet file ({reason}); write it again") from error
    columns = []
    for name in header:
        try:
            columns.append(list_values(found.column(name)))
        except (ValueError, LookupError, OverflowError, ArrowException) as error:
            shown = clean_text(name, LONGEST_VALUE)
            raise SetupError(
                f"the column {shown!r} of {source} cannot be read ({error}); leave it out or write it as text"
            ) from error
    rows = [
        (line, dict(zip(header, row, strict=True))) for line, row in enumerate(zip(*columns, strict=True), start=1)
    ]
    return _to_table(source, header, rows, ())


def list_values(column: Any) -> list[Any]:
    """Return the values of a column; a float of 16 or 32 bits with its own digits (`0.1`)."""
    values: list[Any] = column.to_pylist()
    digits = {"halffloat": np.float16, "float": np.float32}.get(str(column.type))
    return values if digits is None else [None if value is None else float(str(digits(value))) for value in values]
