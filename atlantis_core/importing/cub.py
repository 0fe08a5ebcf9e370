"""CUB-200-2011 (Wah et al. 2011): `images.txt`, `classes.txt`, `image_class_labels.txt`, `train_test_split.txt`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan, last_training_class
from atlantis_core.importing.source_lists import find_root, read_numbered, resolve_listed
from atlantis_core.records import Split

_TITLE = "CUB-200-2011"
_LAST_TRAINING_CLASS = 100
_PUBLISHED = 11_788


def plan_import(source: Path, options: ImportOptions) -> ImportPlan:
    """Read the lists; the class `001.Black_footed_Albatross` becomes `Black footed Albatross`.

    The given splits are those of `train_test_split.txt` (every class in both); zero-shot trains on classes 1 to 100.

    Raises:
        SetupError: A list is missing or damaged.
    """
    root = find_root(source, ["images.txt"], "CUB_200_2011", _TITLE)
    files = read_numbered(root / "images.txt", _TITLE)
    class_of = _read_values(root / "image_class_labels.txt", files)
    trained = _read_values(root / "train_test_split.txt", files)
    labels = _readable_names(read_numbered(root / "classes.txt", _TITLE))
    last = last_training_class(_LAST_TRAINING_CLASS, max(labels))
    photos = []
    for key, name in files.items():
        number = int(class_of[key]) if class_of[key].isdigit() else 0
        if number not in labels:
            raise SetupError(
                f"image_class_labels.txt of {_TITLE} names an unknown class {class_of[key]!r}; "
                "unpack the archive again"
            )
        train = number <= last if options.split == "zero-shot" else trained[key] == "1"
        split: Split = "train" if train else "test"
        photos.append(
            ImportedPhoto(f"images/{name}", resolve_listed(root, f"images/{name}", _TITLE), labels[number], split)
        )
    return ImportPlan(photos, len(photos), _TITLE, _PUBLISHED)


def _read_values(file: Path, images: Mapping[int, str]) -> dict[int, str]:
    """Read a list that has a value for every image."""
    found = read_numbered(file, _TITLE)
    if missing := sorted(images.keys() - found.keys()):
        raise SetupError(
            f"{file.name} of {_TITLE} is damaged: it lacks {len(missing)} images, the first {missing[0]}; "
            "unpack the archive again"
        )
    return found


def _readable_names(classes: Mapping[int, str]) -> dict[int, str]:
    """Return class names without their numbers, unless two would become the same."""
    names = {number: re.sub(r"^\d+\.", "", name).replace("_", " ") or name for number, name in classes.items()}
    counts = Counter(names.values())
    return {number: name if counts[name] == 1 else classes[number] for number, name in names.items()}
