"""Cars196 (Krause et al. 2013), from the files as a person has them: it is not offered for download any more.

Two layouts are known: `cars_annos.mat` beside `car_ims/`, and `cars_train/`, `cars_test/` with a `devkit/`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.importing.plans import Asked, Photo, Plan, last_training_class
from atlantis_core.importing.sources import inside, needed, root_of
from atlantis_core.records import Split

_TITLE = "Cars196"
_TRAINED = 98
_PUBLISHED = 16_185
_WITH_LABELS = "cars_test_annos_withlabels.mat"

Row = tuple[str, int, bool]
"""File name below the root, class number from 1, whether it is of the test split."""


def plan(source: Path, asked: Asked) -> Plan:
    """Read the `.mat` files; class names stay whole (`Bugatti Veyron 16.4 Coupe 2009`).

    Given splits have every class in both; zero-shot trains on classes 1 to 98.

    Raises:
        SetupError: A file is missing or damaged.
    """
    root = root_of(source, ["cars_annos.mat", "devkit/cars_meta.mat", "cars_meta.mat"], "cars196", _TITLE)
    at_once = root / "cars_annos.mat"
    names = _class_names(at_once if at_once.is_file() else _devkit(root, "cars_meta.mat"))
    found = list(_listed(at_once) if at_once.is_file() else _of_devkit(root))
    last = last_training_class(_TRAINED, len(names))
    photos = []
    for name, number, test in found:
        if not 1 <= number <= len(names):
            raise SetupError(f"{_TITLE} gives {name!r} the class {number}; there are {len(names)}")
        train = number <= last if asked.split == "zero-shot" else not test
        split: Split = "train" if train else "test"
        photos.append(Photo(name, inside(root, name, _TITLE), names[number - 1], split))
    return Plan(photos, len(photos), _TITLE, _PUBLISHED)


def _listed(file: Path) -> Iterator[Row]:
    for name, number, test in _annotations(file, ("relative_im_path", "class", "test")):
        yield name, number, bool(test)


def _of_devkit(root: Path) -> Iterator[Row]:
    for folder, file, test in (("cars_train", "cars_train_annos.mat", False), ("cars_test", _WITH_LABELS, True)):
        # Copies that go round have the folder twice.
        below = f"{folder}/{folder}" if (root / folder / folder).is_dir() else folder
        for name, number in _annotations(_devkit(root, file), ("fname", "class")):
            yield f"{below}/{name}", number, test


def _devkit(root: Path, name: str) -> Path:
    beside = root / name
    return beside if beside.is_file() else needed(root / "devkit" / name, _TITLE)


def _class_names(file: Path) -> list[str]:
    import numpy as np

    names = [str(name).strip() for name in np.atleast_1d(_matlab(file, "class_names"))]
    if len(set(names)) < len(names) or not all(names):
        raise SetupError(f"{file.name} of {_TITLE} is damaged: a class name is empty or there twice")
    return names


def _annotations(file: Path, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    import numpy as np

    for row in np.atleast_1d(_matlab(file, "annotations")):
        try:
            name, *numbers = (row[field] for field in fields)
            yield str(name), *(int(number) for number in numbers)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SetupError(
                f"{file.name} of {_TITLE} is damaged: an annotation lacks {', '.join(fields)}; get it again"
            ) from error


def _matlab(file: Path, variable: str) -> Any:
    """Return a variable of a MATLAB file; structs become dictionaries."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    # What scipy raises on damaged files, found by feeding it cut and altered ones.
    damage = (MatReadError, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError)
    below = (
        NotImplementedError,
        MemoryError,
        ArithmeticError,
        AttributeError,
        UnboundLocalError,
        struct.error,
        zlib.error,
    )
    try:
        return loadmat(str(file), simplify_cells=True, variable_names=[variable])[variable]
    except KeyError as error:
        raise SetupError(f"{file.name} of {_TITLE} holds no {variable!r}; is it the right file?") from error
    except (*damage, *below) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SetupError(f"{file.name} of {_TITLE} cannot be read ({reason}); get it again") from error
