"""Metadata tables as text cells with line numbers, and what is missing in them.

A missing value is an empty cell, JSON `null` or `NaN`, or a null of parquet; `nan` also among numbers only (see
`number_columns`). Other words (`NA`, `None`) are text: a class may have that name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import LONGEST_VALUE, clean_text
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


def read_utf8(file: Path, source: str) -> str:
    """Return the text of a file; a `SetupError` that names its encoding if it is not UTF-8."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SetupError(f"{source} cannot be read: {error.strerror}") from error
    try:
        text = content.decode().lstrip("\ufeff")  # some programs write the mark twice
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


def list_values(column: Any) -> list[Any]:
    """Return the values of a column; a float of 16 or 32 bits with its own digits (`0.1`)."""
    values: list[Any] = column.to_pylist()
    digits = {"halffloat": np.float16, "float": np.float32}.get(str(column.type))
    return values if digits is None else [None if value is None else float(str(digits(value))) for value in values]


def unify_numbers(tables: Sequence[Table], unchanged: Collection[str]) -> tuple[list[Table], list[str]]:
    """Apply the rule for columns of numbers to tables that belong together; also return sentences on what changed."""
    rules: dict[str, NumberRule] = {}
    for column in dict.fromkeys(name for table in tables for name in table.header):
        if column.strip().lower() in unchanged:
            continue
        cells = [[row.get(column, "") for _, row in table.rows] for table in tables]
        rule = choose_number_rule(cell for part in cells for cell in part)
        if rule.spelled:
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
