"""Strict reading of CSV and TSV: what is damaged is refused with its line, not guessed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import LONGEST_VALUE, clean_text
from atlantis_core.data.inspection import USUAL_SUFFIXES
from atlantis_core.data.tables import Table, check_header, read_utf8

FILE_COLUMNS = ("file_name", "path")
"""Columns with the file names, in order of preference."""
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"\s*sep=.?\s*", re.IGNORECASE)

Record = tuple[int, list[str]]
"""The number of a row's first line, and its cells."""


def read_csv_table(file: Path, source: str) -> Table:
    """Read a CSV or TSV file with a header; `;`, tabs and `|` are taken for commas if the header has them.

    Columns without a name are dropped; pandas writes its row numbers so.

    Raises:
        SetupError: A quote is not closed, a row has too many or too few cells, a column is named twice, the header is
            repeated, or the file is empty or not UTF-8.
    """
    text = read_utf8(file, source)
    delimiter = _choose_delimiter(text, file)
    records = [each for each in _split_records(text, delimiter, source) if any(map(str.strip, each[1]))]
    if records and "".join(records[0][1]).lower() == "sep=":  # of spreadsheets, before the header
        del records[0]
    if not records:
        raise SetupError(f"{source} is empty; it needs a header with file_name,label and a row per image")
    header = [name.strip() for name in records[0][1]]
    check_header(header, source)
    rows = records[1:]
    _check_rows(rows, header, delimiter, source)
    named = [(row, name) for row, name in enumerate(header) if name]
    kept = ((line, {name: cells[row] for row, name in named}) for line, cells in rows)
    return Table(source, tuple(name for _, name in named), tuple(kept))


def _choose_delimiter(text: str, file: Path) -> str:
    """Return the delimiter that gives the header a column with file names, else the first that is in it."""
    lines = (line for line in text.splitlines() if line.strip(" ,;|\t"))
    first = next((line for line in lines if not _SEPARATOR_LINE.fullmatch(line)), "")
    # Spreadsheets in much of Europe write `;`.
    candidates = "\t,;|" if file.suffix.lower() == ".tsv" else _DELIMITERS
    for delimiter in candidates:
        if any(name.strip(' "\r').lower() in FILE_COLUMNS for name in first.split(delimiter)) and delimiter in first:
            return delimiter
    return next((delimiter for delimiter in candidates if delimiter in first), candidates[0])


def _split_records(text: str, delimiter: str, source: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    column: int | None = None
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SetupError(_describe_error(error, start, reader.line_num, source)) from error
        if column is None:
            names = [name.strip().lower() for name in cells]
            column = next((names.index(name) for name in FILE_COLUMNS if name in names), None)
        elif reader.line_num > start and any(_contains_rows(cell, delimiter, column) for cell in cells):
            raise SetupError(
                _describe_open_quote(start, source, f"it takes in the rows up to line {reader.line_num}")
            )
        if cells:
            yield start, cells


def _describe_error(error: csv.Error, start: int, end: int, source: str) -> str:
    if "unexpected end" in str(error):
        return _describe_open_quote(start, source, "it takes in the rest of the file")
    lines = f"line {start}" if end <= start else f"lines {start} to {end}"
    return f"{source} cannot be read as CSV: {lines}: {error}; look for a quote that is missing or one too many"


def _describe_open_quote(line: int, source: str, result: str) -> str:
    return f'{source} cannot be read as CSV: line {line}: a quote (") is opened and not closed, so {result}; close it'


def _contains_rows(cell: str, delimiter: str, column: int) -> bool:
    """Whether a cell of several lines contains rows of the table: lines of cells with the name of an image in place.

    A line break within a file name or a remark is neither.
    """
    rows = (line.split(delimiter) for line in cell.splitlines()[1:])
    names = (cells[column].strip(" \"'") for cells in rows if len(cells) > max(1, column))
    return any(PurePath(name).suffix.lower() in USUAL_SUFFIXES for name in names)


def _check_rows(rows: Sequence[Record], header: Sequence[str], delimiter: str, source: str) -> None:
    """Cut empty cells beyond the header, and refuse rows of another length and repeated headers."""
    wrong: list[Record] = []
    for line, cells in rows:
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(header):
            wrong.append((line, cells))
        elif [cell.strip().lstrip("\ufeff") for cell in cells] == header:
            raise SetupError(f"{source} repeats its header in line {line}; remove that line")
    if wrong:
        if not {*FILE_COLUMNS} & {name.lower() for name in header}:
            start = clean_text(delimiter.join(header), LONGEST_VALUE)
            raise SetupError(
                f"{source} begins with {start!r}, which is not a header: it "
                "names no column file_name or path; write one, or remove what stands above it"
            )
        line, cells = wrong[0]
        start = clean_text(delimiter.join(cells), LONGEST_VALUE)
        many = f"{len(wrong)} rows of {source} do" if len(wrong) > 1 else f"a row of {source} does"
        shown = "a tab" if delimiter == "\t" else repr(delimiter)
        raise SetupError(
            f"{many} not have the {len(header)} cells of the header, the first in line {line} ({len(cells)} cells: "
            f"{start!r}); quote values that contain {shown}, and leave empty cells empty instead of out"
        )
