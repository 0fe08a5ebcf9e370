"""Cars196 (Krause et al. 2013), from files that a person already has: it is no longer offered for download.

Two layouts are known: `cars_annos.mat` beside `car_ims/`, and `cars_train/`, `cars_test/` with a `devkit/`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan, last_training_class
from atlantis_core.importing.source_lists import find_root, require_file, resolve_listed
from atlantis_core.records import Split

_TITLE = "Cars196"
_LAST_TRAINING_CLASS = 98
_PUBLISHED = 16_185
_LABELLED_TEST_FILE = "cars_test_annos_withlabels.mat"

Row = tuple[str, int, bool]
"""File name relative to the root, class number from 1, whether it is in the test split."""


def plan_import(source: Path, options: ImportOptions) -> ImportPlan:
    """Read the `.mat` files; class names are kept as they are (`Bugatti Veyron 16.4 Coupe 2009`).

    The given splits both contain every class; zero-shot trains on classes 1 to 98.

    Raises:
        SetupError: A file is missing or damaged.
    """
    root = find_root(source, ["cars_annos.mat", "devkit/cars_meta.mat", "cars_meta.mat"], "cars196", _TITLE)
    single = root / "cars_annos.mat"
    if single.is_file():
        names = _read_class_names(single)
        rows = list(_read_annotations(single, ("relative_im_path", "class", "test")))
    else:
        names = _read_class_names(_find_devkit(root, "cars_meta.mat"))
        rows = list(_read_devkit(root))
    last = last_training_class(_LAST_TRAINING_CLASS, len(names))
    photos = []
    for name, number, test in rows:
        if not 1 <= number <= len(names):
            raise SetupError(
                f"{_TITLE} assigns {name!r} to class {number} of {len(names)}; get the annotations again"
            )
        train = number <= last if options.split == "zero-shot" else not test
        split: Split = "train" if train else "test"
        photos.append(ImportedPhoto(name, resolve_listed(root, name, _TITLE), names[number - 1], split))
    return ImportPlan(photos, len(photos), _TITLE, _PUBLISHED)


def _read_devkit(root: Path) -> Iterator[Row]:
    for folder, file, test in (
        ("cars_train", "cars_train_annos.mat", False),
        ("cars_test", _LABELLED_TEST_FILE, True),
    ):
        # Some circulating copies have the folder twice.
        below = f"{folder}/{folder}" if (root / folder / folder).is_dir() else folder
        for name, number in _read_annotations(_find_devkit(root, file), ("fname", "class")):
            yield f"{below}/{name}", number, test


def _find_devkit(root: Path, name: str) -> Path:
    next_to = root / name
    return next_to if next_to.is_file() else require_file(root / "devkit" / name, _TITLE)


def _read_class_names(file: Path) -> list[str]:
    import numpy as np

    names = [str(name).strip() for name in np.atleast_1d(_read_matlab(file, "class_names"))]
    if len(set(names)) < len(names) or not all(names):
        raise SetupError(f"{file.name} of {_TITLE} is damaged: a class name is empty or repeated; get it again")
    return names


def _read_annotations(file: Path, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    import numpy as np

    for row in np.atleast_1d(_read_matlab(file, "annotations")):
        try:
            name, *numbers = (row[field] for field in fields)
            yield str(name), *(int(number) for number in numbers)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SetupError(
                f"{file.name} of {_TITLE} is damaged: an annotation lacks {', '.join(fields)}; get it again"
            ) from error


def _read_matlab(file: Path, variable: str) -> Any:
    """Return a variable of a MATLAB file, structs as dictionaries."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    # What scipy raises on damaged files, found by reading truncated and altered ones.
    damage = (
        *(MatReadError, OSError, ValueError, TypeError, LookupError, EOFError, NotImplementedError, MemoryError),
        *(ArithmeticError, AttributeError, UnboundLocalError, struct.error, zlib.error),
    )
    try:
        return loadmat(str(file), simplify_cells=True, variable_names=[variable])[variable]
    except KeyError as error:
        raise SetupError(
            f"{file.name} of {_TITLE} has no variable {variable!r}; check that it is the right file"
        ) from error
    except damage as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SetupError(f"{file.name} of {_TITLE} cannot be read ({reason}); get it again") from error
