"""Strict readers of metadata tables: CSV and TSV (`csv_table`), JSON Lines and parquet."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import LONGEST_VALUE, clean_text, to_printable
from atlantis_core.data.csv_table import read_csv_table
from atlantis_core.data.tables import Table, cell_text, check_header, list_values, read_utf8
from atlantis_core.records import Problem


def read_table(file: Path, source: str) -> Table:
    """Read a metadata file by its suffix; `source` names it in messages.

    Raises:
        SetupError: The file is damaged, is not UTF-8 text, is empty, or names a column twice.
    """
    readers = {".jsonl": _read_jsonl, ".parquet": _read_parquet}
    return readers.get(file.suffix.lower(), read_csv_table)(file, source)


def _read_jsonl(file: Path, source: str) -> Table:
    found: list[tuple[int, dict[str, Any]]] = []
    problems: list[Problem] = []
    for line, text in enumerate(re.split(r"\r\n|\n|\r", read_utf8(file, source)), start=1):
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
