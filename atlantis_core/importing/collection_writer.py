"""Write a collection atomically: photos and `metadata.csv` in a new folder, or nothing."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atlantis_core.base.atomic_folder import temporary_folder
from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_printable
from atlantis_core.data.inspection import check_header
from atlantis_core.importing.import_plan import ImportedPhoto, ImportPlan, describe_lone_classes, join_first
from atlantis_core.records import Problem
from atlantis_core.records.natural_order import natural_key


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What was written."""

    folder: Path
    images: int
    classes: int
    splits: Mapping[str, int]
    """Split -> images; "" if none is given."""
    columns: tuple[str, ...]
    """Metadata columns other than file name, label, split and role."""
    unseen: bool
    """Whether training and held-out classes differ: then the regime is `unseen`."""
    linked: int
    """Images that are hard links, which take no space."""
    left_out: tuple[Problem, ...]
    """Files that are not images, judging by their first bytes."""
    notes: tuple[str, ...]


def check_new_folder(folder: Path) -> Path:
    """Return a destination as an absolute path; a `SetupError` if it exists."""
    if os.path.lexists(folder):
        raise SetupError(f"{to_printable(str(folder))!r} already exists; name a new folder, or remove it first")
    return Path(os.path.abspath(folder))  # noqa: PTH100 (a link of that name must not be followed)


def resolve_source(source: Path, folder: Path) -> Path:
    """Return a source folder resolved, and refuse an unsuitable destination before anything is read.

    Raises:
        SetupError: The source is not a folder, or the destination exists or lies inside the source.
    """
    if not source.is_dir():
        name = repr(to_printable(str(source)))
        if source.exists():
            raise SetupError(f"the source {name} is a file; unpack it and name the folder")
        raise SetupError(f"there is no folder {name}; check the path")
    check_new_folder(folder)
    if Path(os.path.realpath(folder)).is_relative_to(source.resolve()):
        raise SetupError(
            f"{to_printable(str(folder))!r} lies inside the source {to_printable(str(source))!r}; "
            "name a folder outside of it"
        )
    return source.resolve()


def write_collection(plan: ImportPlan, folder: Path, progress: Progress = no_progress) -> ImportResult:
    """Write the photos of a plan and a `metadata.csv` into a new folder.

    Files are hard links if the file system allows it, else copies. Everything is written into a hidden folder beside
    it, which is renamed last; the next import clears what a killed one left.

    Raises:
        SetupError: The folder exists or cannot be written, a file is missing or (of a benchmark) damaged, or no photo
            is left.
    """
    folder = check_new_folder(folder)
    with temporary_folder(folder, "importing") as part:
        rows: list[ImportedPhoto] = []
        left_out = list(plan.left_out)
        linked = 0
        for photo in plan.photos:
            if fault := _find_fault(photo, plan):
                left_out.append(Problem(to_printable(photo.name), fault))
                continue
            linked += _place_photo(photo, part)
            rows.append(replace(photo, source=b""))
            progress("importing", len(rows), plan.total)
        if not rows:
            raise SetupError(f"{plan.title} has no photo with a label; nothing was imported")
        rows = _split_by_class(rows) if plan.halve else rows
        columns = _write_metadata(rows, part / "metadata.csv")
        for name, data in plan.files.items():
            (part / name).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.rename(folder)
    return _build_result(plan, folder, rows, columns, linked, left_out)


def _find_fault(photo: ImportedPhoto, plan: ImportPlan) -> str:
    """Return why a photo is unusable, judging by its header; truncated files show when DEST is read."""
    if isinstance(photo.source, Path) and not photo.source.is_file():
        raise SetupError(f"{plan.title} lacks the file {to_printable(photo.name)!r}; unpack the archive again")
    fault = check_header(photo.source, photo.name)
    if fault and plan.published:
        raise SetupError(
            f"image {to_printable(photo.name)!r} of {plan.title} is damaged ({fault}); unpack the archive again"
        )
    return fault


def _place_photo(photo: ImportedPhoto, part: Path) -> bool:
    """Link or copy a photo to its place; return whether it is a link."""
    target = part / photo.name
    if target.exists():  # listed twice
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(photo.source, bytes):
        target.write_bytes(photo.source)
        return False
    try:
        os.link(os.path.realpath(photo.source), target)  # a hard link to a symbolic link would dangle
    except OSError:
        shutil.copyfile(photo.source, target)
        return False
    return True


def _split_by_class(photos: Sequence[ImportedPhoto]) -> list[ImportedPhoto]:
    """Train on the first half of the classes by name (numbers by value), hold out the rest."""
    labels = sorted({photo.label for photo in photos}, key=natural_key)
    trained = set(labels[: len(labels) // 2])
    return [replace(photo, split="train" if photo.label in trained else "test") for photo in photos]


def _write_metadata(photos: Sequence[ImportedPhoto], file: Path) -> tuple[str, ...]:
    """Write a row per photo, without empty columns; return the names of the facet columns."""
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


def _build_result(
    plan: ImportPlan,
    folder: Path,
    photos: list[ImportedPhoto],
    columns: tuple[str, ...],
    linked: int,
    left_out: Sequence[Problem],
) -> ImportResult:
    trained = {photo.label for photo in photos if photo.split == "train"}
    held_out = {photo.label for photo in photos if photo.split in {"validation", "test"}}
    notes = list(plan.notes)
    if left_out:
        named = join_first([f"{problem.path!r} ({problem.problem})" for problem in left_out])
        notes.append(f"{len(left_out)} left out: {named}.")
    if plan.halve:
        notes += describe_lone_classes(photo.label for photo in photos)
    if plan.published and len(photos) != plan.published:
        notes.append(
            f"{plan.title} was published with {plan.published:,} photos, this copy has {len(photos):,}: "
            "do not compare its figures with published ones."
        )
    return ImportResult(
        folder=folder,
        images=len(photos),
        classes=len({photo.label for photo in photos}),
        splits=Counter(photo.split or "" for photo in photos),
        columns=columns,
        unseen=bool(trained and held_out) and not trained & held_out,
        linked=linked,
        left_out=tuple(left_out),
        notes=tuple(notes),
    )
