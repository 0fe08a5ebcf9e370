"""Output of the two readers (metadata file, class folders): files with a claimed label, not yet opened."""

from __future__ import annotations

import os
import re
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

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://?")
_LIKE_A_SPLIT = re.compile(r"(?<![^\W\d_])(train|val|test|dev|eval|hold|query|gallery|probe)")

LISTED_TWICE = "listed twice"
"""Kind of problem that excludes no file: several rows list one file under one label."""
OTHER_FILE = "other file"
"""Kind of problem of a file that is not a photo by its name: a README, a table that is not read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file listed as an image of a class."""

    path: Path
    """Absolute path in the collection's folder."""
    name: str
    """Path relative to the collection's folder, with `/`."""
    label: str
    """Class name, cleaned."""
    split: Split | None
    """None if not given."""
    role: Role = "both"
    columns: Mapping[str, str] = field(default_factory=dict)
    """Other metadata column -> value, cleaned; empty values are absent."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of a collection as its metadata or its folders list them."""

    entries: tuple[Entry, ...]
    columns: tuple[str, ...]
    """Names of the columns that may be facets, in file order."""
    problems: tuple[Problem, ...]
    source: str
    """What was read (`metadata.csv`, `class folders`), for messages."""
    notes: tuple[str, ...] = ()
    """What a person should know about labels and columns, a sentence each."""
    found: Mapping[str, str] = field(default_factory=dict)
    """Every file of the folder -> the folder above it whose problem covers it, or ``; without metadata files."""


def problem_kind(problem: Problem) -> str:
    """Return the kind of a problem: its words before the colon."""
    return problem.problem.partition(":")[0]


def drop_repeated(entries: Iterable[Entry]) -> tuple[list[Entry], dict[str, Problem]]:
    """Drop entries that list a file again under the same label; also return file name -> remark for each one."""
    rows: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        rows.setdefault((entry.name, entry.label), []).append(entry)
    remarks = {name: Problem(name, _repetition(found)) for (name, _), found in rows.items() if len(found) > 1}
    return [found[0] for found in rows.values()], remarks


def _repetition(rows: Sequence[Entry]) -> str:
    if all(row == rows[0] for row in rows):
        return f"{LISTED_TWICE}: {len(rows)} identical rows"
    return f"{LISTED_TWICE}: its {len(rows)} rows differ in split, role or facets; the first one counts"


def parse_split(spelling: str) -> Split | None:
    """Return the split that a folder name or column value stands for, or None."""
    return _SPLIT_SPELLINGS.get(spelling.strip().lower())


def looks_like_split(name: str) -> bool:
    """Whether a folder's name begins with, or has a word that begins with, that of a split: `train2017`, `01_val`."""
    return bool(_LIKE_A_SPLIT.search(name.lower()))


OUTSIDE_BY_LINK = "outside the folder: a link leads out of it"


def why_outside(root: Path, name: str, *, follow: bool = True) -> str:
    """Return why a path listed relative to the resolved folder `root` is refused; empty if it stays inside.

    Without `follow`, the path is known to contain no link.
    """
    if _ADDRESS.match(name):
        return "outside the folder: it is an address (URL); download the file and write its path in the folder"
    if "\0" in name or to_printable(name) != name:
        return "unusable file name: it contains bytes that are not UTF-8"
    listed = PurePosixPath(name)
    if listed.is_absolute() or ".." in listed.parts:
        return "outside the folder: the path leaves it"
    # `realpath`, because `Path.resolve` raises on circular links.
    if follow and not is_inside(root, os.path.realpath(root / listed)):
        return OUTSIDE_BY_LINK
    return ""


def is_inside(root: Path, real: str) -> bool:
    """Whether a path without links is inside the resolved folder `root`, or in the blobs of its hub cache.

    A cache of the Hugging Face hub has `snapshots/REVISION/x.jpg` as a link to `blobs/HASH` beside `snapshots`.
    """
    path = Path(real)
    if path.is_relative_to(root):
        return True
    snapshots = (folder for folder in (root, *root.parents) if folder.name == "snapshots")
    places = (folder.parent / "blobs" for folder in snapshots if folder.parent.name.startswith("datasets--"))
    return any(path.is_relative_to(place) for place in places)
