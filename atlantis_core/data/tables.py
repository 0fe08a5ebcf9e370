"""Strict readers of metadata tables: CSV, TSV, JSON Lines and parquet, as text cells with line numbers.

A missing value is an empty cell, JSON `null` or `NaN`, or a null of parquet; `nan` also among numbers only (see
`number_columns`). Other words (`NA`, `None`) are text: a class may have that name.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    """Return a value of JSON or parquet as a text cell; missing and nested values are empty."""
    if value is None or isinstance(value, dict | list | bytes):
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
    found: list[tuple[int, dict[str, str]]] = []
    problems: list[Problem] = []
    for line, text in enumerate(read_utf8(file, source).split("\n"), start=1):
        if not text.strip():
            continue
        row = _parse_object(text, f"{source}:{line}")
        if row is None:
            problems.append(Problem(f"{source}:{line}", "bad metadata line: not a JSON object"))
        else:
            found.append((line, row))
    if not found:
        raise SetupError(f"{source} contains no JSON object; it needs one per line, with file_name and label")
    header = tuple(dict.fromkeys(name for _, row in found for name in row))
    check_header(header, source)
    rows = tuple((line, {name: row.get(name, "") for name in header}) for line, row in found)
    return Table(source, header, rows, tuple(problems))


def _parse_object(text: str, where: str) -> dict[str, str] | None:
    """Return a JSON object as text cells, or None if the text is something else."""

    def to_cells(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if twice := [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]:
            raise SetupError(f"{where} has the key {to_printable(twice[0])!r} twice; remove one")
        return dict(pairs)

    try:
        row = json.loads(text, object_pairs_hook=to_cells)
    except (json.JSONDecodeError, RecursionError):
        return None
    # Nested values (boxes, captions by language ...) cannot be facets.
    return {key: cell_text(value) for key, value in row.items()} if isinstance(row, dict) else None


def _read_parquet(file: Path, source: str) -> Table:
    """Read a parquet file; a row's line number is its number, from 1."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise SetupError(f"reading {source} needs pyarrow; run: pip install 'atlantis-dml[hf]'") from error
    try:
        found = parquet.read_table(file)
    except (OSError, ValueError, ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"{source} is not a complete parquet file ({reason}); write it again") from error
    header = tuple(found.column_names)
    check_header(header, source)
    columns = [[cell_text(value) for value in found.column(name).to_pylist()] for name in header]
    rows = enumerate(zip(*columns, strict=True), start=1)
    return Table(source, header, tuple((line, dict(zip(header, row, strict=True))) for line, row in rows))
