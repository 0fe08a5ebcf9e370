"""Readers of the lists that datasets come with; every error names the file and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import clean_text, to_printable
from atlantis_core.data.entries import why_outside

_LONGEST = 120


def find_root(source: Path, markers: Sequence[str], inner: str, title: str) -> Path:
    """Find the folder of a dataset: `source`, or the folder `inner` that its archive unpacks to.

    One of the files `markers` must exist in it.

    Raises:
        SetupError: Neither folder has one of the files.
    """
    for root in (source, source / inner):
        if any((root / marker).is_file() for marker in markers):
            return root
    raise SetupError(
        f"{to_printable(str(source))!r} does not contain {title}: there is no {' or '.join(markers)}; "
        "unpack the original archive and name its folder"
    )


def require_file(file: Path, title: str) -> Path:
    """Return a file; a `SetupError` if it does not exist."""
    if not file.is_file():
        raise SetupError(
            f"{title} is incomplete: {file.name} is missing in {to_printable(str(file.parent))!r}; "
            "unpack the archive again"
        )
    return file


def read_rows(file: Path, columns: int, title: str, header_lines: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields, between white space, of each line of a list.

    The last one of the `columns` takes the rest of the line.

    Raises:
        SetupError: The file is missing, empty or not text, or a line has too few fields.
    """
    try:
        lines = require_file(file, title).read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise SetupError(f"{file.name} of {title} cannot be read ({error}); unpack the archive again") from error
    found = 0
    for number, line in enumerate(lines[header_lines:], start=header_lines + 1):
        if fields := line.split(maxsplit=columns - 1):
            if len(fields) < columns:
                raise damaged_line_error(file, number, line, title)
            found += 1
            yield number, [field.strip() for field in fields]
    if not found:
        raise SetupError(f"{file.name} of {title} is empty; unpack the archive again")


def read_numbered(file: Path, title: str) -> dict[int, str]:
    """Read a list of numbers with their values: `17 001.Albatross/x.jpg`.

    Raises:
        SetupError: As `read_rows`, or a line begins with no number or a repeated one.
    """
    found: dict[int, str] = {}
    for line, (number, text) in read_rows(file, 2, title):
        key = parse_integer(file, line, number, title)
        if key in found:
            raise damaged_line_error(file, line, f"{number} is repeated", title)
        found[key] = text
    return found


def parse_integer(file: Path, line: int, text: str, title: str) -> int:
    """Parse a field as a non-negative integer; a `SetupError` if it is not one."""
    if not (text.isascii() and text.isdigit()):
        raise damaged_line_error(file, line, text, title)
    return int(text)


def resolve_listed(root: Path, name: str, title: str) -> Path:
    """Return the path of a listed file; a `SetupError` if it leads out of the dataset's folder."""
    if reason := why_outside(root.resolve(), name):
        raise SetupError(f"{title} lists {clean_text(to_printable(name), _LONGEST)!r}, which is {reason}")
    return root / name


def damaged_line_error(file: Path, line: int, text: str, title: str) -> SetupError:
    """Return the error for a line that cannot be parsed."""
    where = f"{file.name} of {title} is damaged in line {line}"
    return SetupError(f"{where}: {clean_text(text, _LONGEST)!r}; unpack the archive again")
