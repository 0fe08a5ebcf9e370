"""Which tables of a folder are its metadata, and what is said of those that are not read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import to_printable

METADATA_NAMES = ("metadata.csv", "metadata.jsonl", "meta.csv", "metadata.tsv", "metadata.parquet")
"""Accepted file names, in order of preference."""

_TABLE_SUFFIXES = frozenset({".csv", ".jsonl", ".parquet", ".tsv", ".xlsx"})


def find_metadata(folder: Path) -> Path | None:
    """Return the folder's metadata file, in any letter case, or None.

    Raises:
        SetupError: Something else than a file has its name, such as a link that leads nowhere.
    """
    try:
        named = sorted(path for path in folder.iterdir() if path.name.lower() in METADATA_NAMES)
    except OSError:
        return None
    there = {path.name.lower(): path for path in named}  # of two letter cases the lower one, which sorts last
    found = [there[name] for name in METADATA_NAMES if name in there and not there[name].is_dir()]
    if file := next((file for file in found if file.is_file()), None):
        return file
    if found:
        is_link = found[0].is_symlink() and not found[0].exists()
        why = "a link that leads to no file" if is_link else "not a regular file"
        raise SetupError(f"{to_printable(str(found[0]))!r} is {why}; repair or remove it")
    return None


def describe_unread_metadata(found: Iterable[str], read: Sequence[str]) -> list[str]:
    """Return a sentence on other metadata files, if there are any: of two beside each other one is read."""
    tables = [name for name in found if name.rpartition("/")[2].lower() in METADATA_NAMES and name not in read]
    if not tables:
        return []
    more = f" and {len(tables) - 1} more" if len(tables) > 1 else ""
    return [f"{to_printable(tables[0])!r}{more} is not read, because {' and '.join(read)} is"]


def describe_tables(names: Iterable[str]) -> list[str]:
    """Return a sentence on tables among the files of a folder of class folders: labels in them do not count."""
    tables = [name for name in names if _is_table(PurePosixPath(name.lower()))]
    if not tables:
        return []
    more = f" and {count_noun(len(tables) - 1, 'more table')} are" if len(tables) > 1 else " is"
    return [
        f"{to_printable(tables[0])!r}{more} not read: labels are the names of folders; a table with file_name,label "
        "is read if it is called metadata.csv and directly in the folder"
    ]


def _is_table(path: PurePosixPath) -> bool:
    return path.suffix in _TABLE_SUFFIXES or path.stem == "metadata"
