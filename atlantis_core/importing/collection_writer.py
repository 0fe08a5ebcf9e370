"""Writing an imported collection: a folder that is there whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atlantis_core.base.atomic_folder import temporary_folder
from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_printable
from atlantis_core.data.inspection import check_header
from atlantis_core.importing.import_plan import ImportedPhoto, ImportPlan, describe_lone_classes, join_first
from atlantis_core.records import Problem


@dataclass(frozen=True, slots=True)
class ImportResult:
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
    left_out: tuple[Problem, ...]
    """Files that are no images, as far as their first bytes tell."""
    notes: tuple[str, ...]


def write_collection(plan: ImportPlan, folder: Path, progress: Progress = no_progress) -> ImportResult:
    """Write the photos of a plan and a `metadata.csv` into a new folder.

    Files are hard links where the file system can, else copies. All is written into a hidden folder beside it, which
    gets its name last: a kill leaves no folder of that name. What a killed import left is cleared by the next.

    Args:
        plan: The photos.
        folder: Must not be there yet.
        progress: Told how many photos are placed.

    Raises:
        SetupError: The folder is there or cannot be written; a file is missing or, of a benchmark, damaged; no photo
            is left.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 (a link of that name must be seen, not followed)
    if os.path.lexists(folder):
        raise SetupError(f"{to_printable(str(folder))!r} is there already; name a new folder, or remove it first")
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
            raise SetupError(f"{plan.title} holds no photo with a label; nothing was imported")
        rows = _split_by_class(rows) if plan.halve else rows
        columns = _write_metadata(rows, part / "metadata.csv")
        for name, told in plan.files.items():
            (part / name).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.rename(folder)
    return _build_result(plan, folder, rows, columns, linked, left_out)


def _find_fault(photo: ImportedPhoto, plan: ImportPlan) -> str:
    """Return why a photo is of no use, if its head shows it; that it is cut short shows when DEST is read."""
    if isinstance(photo.source, Path) and not photo.source.is_file():
        raise SetupError(f"{plan.title} lacks the file {to_printable(photo.name)!r}; unpack the archive again")
    fault = check_header(photo.source, photo.name)
    if fault and plan.published:
        raise SetupError(
            f"image {to_printable(photo.name)!r} of {plan.title} is damaged ({fault}); unpack the archive again"
        )
    return fault


def _place_photo(photo: ImportedPhoto, part: Path) -> bool:
    """Put a photo where it belongs; return whether it is a link."""
    target = part / photo.name
    if target.exists():  # listed twice
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(photo.source, bytes):
        target.write_bytes(photo.source)
        return False
    try:
        # The file itself, where it is a link.
        os.link(os.path.realpath(photo.source), target)
    except OSError:
        shutil.copyfile(photo.source, target)
        return False
    return True


def _split_by_class(photos: Iterable[ImportedPhoto]) -> list[ImportedPhoto]:
    """Train on the first half of the classes by name, hold out the others."""
    photos = list(photos)
    labels = sorted({photo.label for photo in photos})
    trained = set(labels[: len(labels) // 2])
    return [replace(photo, split="train" if photo.label in trained else "test") for photo in photos]


def _write_metadata(photos: Iterable[ImportedPhoto], file: Path) -> tuple[str, ...]:
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
            f"{plan.title} has {plan.published:,} photos as published, this has {len(photos):,}: "
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
