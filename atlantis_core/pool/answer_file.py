"""Answers about photos of a pool, from a file that a person names: the only way a label of a pool is ever read."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import clean_text
from atlantis_core.data.csv_table import FILE_COLUMNS, read_csv_table
from atlantis_core.pool.pool_folder import PoolFolder
from atlantis_core.records import Answer

if TYPE_CHECKING:
    from atlantis_core.data.tables import Table

OPTION = "--answers FILE"
_COLUMNS = ("label", "who", "when")
LONGEST_NAME = 200
"""Letters of a class name, a person or a time."""


def read_answers(file: str, pool: PoolFolder) -> tuple[Answer, ...]:
    """Read a CSV file with the columns `path` (or `file_name`) and `label`, and perhaps `who` and `when`.

    A path is absolute, relative to the pool, or just a file name that occurs once in it. An empty label means that
    the photo was skipped, `none of these` that it shows no known class. Of two rows about one photo the later counts.
    Rows about photos that the pool holds, but that cannot be used, are left out.

    Raises:
        SetupError: The file cannot be read, lacks a column, or names a photo that is not in the pool.
    """
    table = _read_table(Path(file).expanduser(), file)
    column = next(name for name in FILE_COLUMNS if name in table.header)
    usable = {Path(image.path): image.id for image in pool.images}
    places = _name_places(pool)
    answers: dict[str, Answer] = {}
    for line, row in table.rows:
        place = _find_place(row[column], pool, places)
        if place is None:
            raise SetupError(
                f"{OPTION}: line {line} of {file!r} names {row[column]!r}, which is not one photo of the pool "
                f"{str(pool.path)!r}; correct it, or remove the line"
            )
        if place in usable:
            label, who, when = (clean_text(row.get(name, ""), LONGEST_NAME) for name in _COLUMNS)
            answers[usable[place]] = Answer(usable[place], label, who, when)
    return tuple(answers.values())


def write_answers(file: Path, answers: Iterable[Answer], paths: Mapping[str, str]) -> None:
    """Write answers so that `read_answers` reads them; `paths` has the file of each photo by its id.

    Raises:
        OSError: The file cannot be written.
    """
    with file.open("w", encoding="utf-8", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(("path", *_COLUMNS))
        rows.writerows((paths[one.image_id], *(getattr(one, name) for name in _COLUMNS)) for one in answers)


def _read_table(path: Path, file: str) -> Table:
    if not path.is_file():
        raise SetupError(f"{OPTION}: {file!r} does not exist; name a CSV file with the columns path and label")
    table = read_csv_table(path, f"{OPTION} {file!r}")
    if "label" not in table.header or not set(FILE_COLUMNS) & set(table.header):
        named = ", ".join(map(repr, table.header))
        raise SetupError(f"{OPTION}: {file!r} has the columns {named}; it needs path and label")
    return table


def _name_places(pool: PoolFolder) -> Mapping[str, list[Path]]:
    """Return the files of the pool by their path within it, and by their name alone."""
    places: defaultdict[str, list[Path]] = defaultdict(list)
    for path in pool.files:
        for name in {path.relative_to(pool.path).as_posix(), path.name}:
            places[name].append(path)
    return places


def _find_place(name: str, pool: PoolFolder, places: Mapping[str, list[Path]]) -> Path | None:
    """Return the only file that a name can mean; None if it means none or several."""
    path = Path(name).expanduser()
    if path.is_absolute():
        resolved = path.resolve()
        return resolved if resolved in pool.files else None
    within = pool.path / path
    if within in places.get(path.as_posix(), ()):
        return within
    found = places.get(path.as_posix(), [])
    return found[0] if len(found) == 1 else None
