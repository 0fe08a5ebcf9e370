"""What the two readers (metadata file, class folders) hand on: files with a claimed label, not yet looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from atlantis_core.base.text import to_printable
from atlantis_core.records import Problem, Role, Split

_SPLIT_SPELLINGS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


LISTED_TWICE = "listed twice"
"""Kind of problem that leaves no file out: rows that name one file under one label again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that claims to be an image of a class."""

    path: Path
    """Absolute path inside the collection's folder."""
    name: str
    """Path relative to the collection's folder, with `/`."""
    label: str
    """Class name, cleaned."""
    split: Split | None
    """None where none is given."""
    role: Role = "both"
    columns: Mapping[str, str] = field(default_factory=dict)
    """Every other metadata column -> value, cleaned; empty values are absent."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of a collection as its metadata or its folders list them."""

    entries: tuple[Entry, ...]
    columns: tuple[str, ...]
    """Names of the columns that may be facets, in file order."""
    problems: tuple[Problem, ...]
    source: str
    """What was read (`metadata.csv`, `class folders`), for messages."""


def drop_repeated(entries: Iterable[Entry]) -> tuple[list[Entry], dict[str, Problem]]:
    """Keep the first of the entries that name one file under one label.

    Returns:
        The entries that stay, in order; and file name -> a remark, for the files that were listed more than once.
    """
    rows: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        rows.setdefault((entry.name, entry.label), []).append(entry)
    remarks = {name: Problem(name, _repetition(found)) for (name, _), found in rows.items() if len(found) > 1}
    return [found[0] for found in rows.values()], remarks


def _repetition(rows: Sequence[Entry]) -> str:
    if all(row == rows[0] for row in rows):
        return f"{LISTED_TWICE}: {len(rows)} rows say the same of it"
    return f"{LISTED_TWICE}: its {len(rows)} rows differ in split, role or facets; the first one counts"


def parse_split(spelling: str) -> Split | None:
    """Return the split that a folder's or a column's spelling means, or None where it means none."""
    return _SPLIT_SPELLINGS.get(spelling.strip().lower())


def why_outside(root: Path, name: str) -> str:
    """Tell why a listed path must not be followed.

    Args:
        root: The collection's folder, resolved.
        name: The path as listed, relative to `root`.

    Returns:
        A problem text, or an empty string where the path stays inside.
    """
    if "\0" in name or to_printable(name) != name:
        return "unusable file name: it holds bytes that are not UTF-8"
    listed = PurePosixPath(name)
    if listed.is_absolute() or ".." in listed.parts:
        return "outside the folder: the path leaves it"
    # `realpath`, since `Path.resolve` raises on links that run in a circle.
    if not Path(os.path.realpath(root / listed)).is_relative_to(root):
        return "outside the folder: a link leads out of it"
    return ""
