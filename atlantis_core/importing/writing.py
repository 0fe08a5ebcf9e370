"""Writing an imported collection: a folder that is there whole or not at all."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from atlantis_core.data.entries import shown
from atlantis_core.data.opening import read_formats
from atlantis_core.errors import SetupError
from atlantis_core.importing.plans import Photo, Plan
from atlantis_core.ports import Progress, no_progress
from atlantis_core.whole_folder import hidden_beside

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, OverflowError, TypeError, IndexError, KeyError)
"""What Pillow's readers raise on damaged heads of files."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written."""

    folder: Path
    images: int
    classes: int
    splits: Mapping[str, int]
    """Split -> images; "" where none is given."""
    columns: tuple[str, ...]
    """Other than file name, label, split and role."""
    unseen: bool
    """Whether no class of the training split is held out: then the regime is `unseen`."""
    linked: int
    """Images that take no space of their own: links to the same file."""
    notes: tuple[str, ...]


def write_collection(plan: Plan, folder: Path, progress: Progress = no_progress) -> Imported:
    """Write the photos of a plan and a `metadata.csv` into a new folder.

    Files are hard links where the file system can, else copies. All is written into a hidden folder beside it, which
    gets its name last: a kill leaves no folder of that name. What a killed import left is cleared by the next.

    Args:
        plan: The photos.
        folder: Must not be there yet.
        progress: Told how many photos are placed.

    Raises:
        SetupError: The folder is there or cannot be written; a file is missing or, of a benchmark, damaged.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 (a link of that name must be seen, not followed)
    if os.path.lexists(folder):
        raise SetupError(f"{shown(str(folder))!r} is there already; name a new folder, or remove it first")
    with hidden_beside(folder, "importing") as part:
        rows: list[Photo] = []
        linked = 0
        for photo in plan.photos:
            linked += _place(photo, part, plan)
            rows.append(replace(photo, source=b""))
            progress("importing", len(rows), plan.total)
        if not rows:
            raise SetupError(f"{plan.title} holds no photo with a label; nothing was imported")
        rows = _halved(rows) if plan.halve else rows
        columns = _write_metadata(rows, part / "metadata.csv")
        for name, text in plan.files.items():
            (part / name).write_text(text, encoding="utf-8")
        part.rename(folder)
    return _told(plan, folder, rows, columns, linked)


def _place(photo: Photo, part: Path, plan: Plan) -> bool:
    """Put a photo where it belongs; return whether it is a link."""
    target = part / photo.name
    if target.exists():  # listed twice
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(photo.source, bytes):
        target.write_bytes(photo.source)
        return False
    if not photo.source.is_file():
        raise SetupError(f"{plan.title} lacks the file {shown(photo.name)!r}; unpack the archive again")
    if plan.published:
        _check(photo.source, photo.name, plan.title)
    try:
        # The file itself, where it is a link.
        os.link(os.path.realpath(photo.source), target)
    except OSError:
        shutil.copyfile(photo.source, target)
        return False
    return True


def _check(file: Path, name: str, title: str) -> None:
    """Refuse what does not begin like an image; whether it is whole shows when the collection is read."""
    from PIL import Image

    try:
        with Image.open(file, formats=read_formats()):
            pass
    except _DAMAGE as error:
        raise SetupError(f"image {shown(name)!r} of {title} is damaged; unpack the archive again") from error


def _halved(photos: Iterable[Photo]) -> list[Photo]:
    """Train on the first half of the classes by name, hold out the others."""
    photos = list(photos)
    labels = sorted({photo.label for photo in photos})
    trained = set(labels[: len(labels) // 2])
    return [replace(photo, split="train" if photo.label in trained else "test") for photo in photos]


def _write_metadata(photos: Iterable[Photo], file: Path) -> tuple[str, ...]:
    """Write a row per photo, with the columns that are of use; return the names of the facet columns."""
    photos = list(photos)
    facets = tuple(dict.fromkeys(name for photo in photos for name, value in photo.facets.items() if value))
    split = ("split",) if any(photo.split for photo in photos) else ()
    role = ("role",) if any(photo.role != "both" for photo in photos) else ()
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file_name", "label", *split, *role, *facets])
        for photo in photos:
            fixed = [photo.name, photo.label, *[photo.split or "" for _ in split], *[photo.role for _ in role]]
            writer.writerow([*fixed, *(photo.facets.get(name, "") for name in facets)])
    return facets


def _told(plan: Plan, folder: Path, photos: list[Photo], columns: tuple[str, ...], linked: int) -> Imported:
    trained = {photo.label for photo in photos if photo.split == "train"}
    held_out = {photo.label for photo in photos if photo.split in {"validation", "test"}}
    notes = list(plan.notes)
    if plan.published and len(photos) != plan.published:
        notes.append(
            f"{plan.title} has {plan.published:,} photos as published, this has {len(photos):,}: "
            "do not compare its figures with published ones."
        )
    return Imported(
        folder=folder,
        images=len(photos),
        classes=len({photo.label for photo in photos}),
        splits=Counter(photo.split or "" for photo in photos),
        columns=columns,
        unseen=bool(trained and held_out) and not trained & held_out,
        linked=linked,
        notes=tuple(notes),
    )
