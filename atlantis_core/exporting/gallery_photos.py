"""Photos that a run added to the gallery, as a folder beside an exported model: `gallery/` with a `metadata.csv`."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.exporting.class_folders import name_class_folders
from atlantis_core.records import Collection, LabelledImage

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER_NAME = "gallery"
_METADATA = "metadata.csv"
_COLUMNS = ("file_name", "label", "id")


def write_gallery_photos(photos: Sequence[LabelledImage], folder: Path) -> None:
    """Copy photos into the folder of an exported model; without any, nothing is written.

    Raises:
        SetupError: A photo is gone.
    """
    if not photos:
        return
    target = folder / FOLDER_NAME
    named = name_class_folders(photo.label for photo in photos)
    target.mkdir()
    with (target / _METADATA).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        for photo in photos:
            name = f"{named[photo.label]}/{photo.id}{Path(photo.path).suffix}"
            (target / name).parent.mkdir(exist_ok=True)
            try:
                shutil.copyfile(photo.path, target / name)
            except FileNotFoundError as error:
                raise SetupError(f"{photo.path!r}, which the run added to the gallery, is gone") from error
            writer.writerow([name, photo.label, photo.id])


def read_gallery_photos(folder: Path) -> list[LabelledImage]:
    """Return the photos beside an exported model; none if it has none.

    Raises:
        SetupError: Their `metadata.csv` is damaged.
    """
    file = folder / FOLDER_NAME / _METADATA
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        try:
            rows = list(reader)
        except (csv.Error, UnicodeDecodeError) as error:
            raise SetupError(f"{str(file)!r} is damaged ({error}); export the model again") from error
    if tuple(reader.fieldnames or ()) != _COLUMNS or not all(all(row[name] for name in _COLUMNS) for row in rows):
        raise SetupError(
            f"{str(file)!r} is damaged: not every line has {', '.join(_COLUMNS)}; export the model again"
        )
    return [LabelledImage(row["id"], str(_check(folder, row["file_name"])), row["label"], "train") for row in rows]


def collect_photos(photos: Sequence[LabelledImage], root: Path, name: str) -> Collection:
    """Return photos, all of them below a root folder, as a collection that an index can be filled with."""
    return Collection(name, str(root), tuple(photos), (), {}, (), splits_given=True, num_test=0)


def _check(folder: Path, name: str) -> Path:
    """Return the path of a photo; a `SetupError` if it is not a file of this folder."""
    root = (folder / FOLDER_NAME).resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise SetupError(f"{name!r} is not a photo in {str(root)!r}; export the model again")
    return path
