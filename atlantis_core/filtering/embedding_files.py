"""Embeddings of labelled images as people have them: an `.npz` file, or arrays in memory, read strictly."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.number_columns import EXACT, apply_rule, choose_number_rule

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_HOW_TO_WRITE = "it with numpy.savez(file, embeddings=..., labels=...)"
_AS_PLAIN_ARRAY = {
    "embeddings": "it as numpy.array(embeddings, dtype=numpy.float32)",
    "labels": "it as strings: numpy.array(labels, dtype=str)",
}


@dataclass(frozen=True, slots=True)
class EmbeddedImages:
    """Embeddings of labelled images by one model."""

    embeddings: NDArray[np.float32]
    """(N, D)."""
    labels: NDArray[np.int64]
    """(N,)."""
    names: tuple[str, ...] = ()
    """Names of the classes 0, 1 ...; empty if labels were given as numbers."""
    written: tuple[str, ...] = ()
    """Names as they are spelled in the labels, (N,); empty likewise."""


def read_embedding_file(file: Path) -> EmbeddedImages:
    """Read an `.npz` file with `embeddings` (N, D) and `labels` (N,), integers or class names.

    Raises:
        SetupError: The file is missing, damaged, or contains something else.
    """
    name = to_printable(str(file))
    try:
        with file.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise SetupError(f"{name!r} is a single array (.npy), but two are needed; write {_HOW_TO_WRITE}")
            with loaded as arrays:
                embeddings, labels = (_load_array(arrays, part, name) for part in ("embeddings", "labels"))
    except FileNotFoundError as error:
        raise SetupError(f"file {name!r} does not exist; check the path") from error
    except (KeyError, OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise SetupError(
            f"{name!r} is not a readable .npz file of numbers and strings; write {_HOW_TO_WRITE}"
        ) from error
    return _check_arrays(name, embeddings, labels)


def _load_array(arrays: Mapping[str, NDArray[np.generic]], part: str, name: str) -> NDArray[np.generic]:
    if part not in arrays:
        found = ", ".join(repr(to_printable(key)) for key in list(arrays)[:5]) or "nothing"
        raise SetupError(f"{name!r} lacks an array {part!r}; it contains {found}; write {_HOW_TO_WRITE}")
    try:
        return np.asarray(arrays[part])
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise SetupError(
            f"{name!r}: the array {part!r} has dtype object, so it contains pickled objects, which are not read "
            f"because they could run code; write {_AS_PLAIN_ARRAY[part]}"
        ) from error


def to_embedded_images(given: str | Path | tuple[ArrayLike, ArrayLike], which: str) -> EmbeddedImages:
    """Read an `.npz` file, or check embeddings (N, D) and labels (N,), integers or names, in memory.

    Messages call a pair in memory `which`.

    Raises:
        SetupError: It is neither, the file does not exist, or shapes, types or values are invalid.
    """
    if isinstance(given, str | Path):
        return read_embedding_file(Path(given))
    try:
        embeddings, labels = given
    except (TypeError, ValueError) as error:
        raise SetupError(
            f"{which}: pass embeddings (N, D) and labels (N,) as a pair, or the path of an .npz file"
        ) from error
    try:
        return _check_arrays(which, np.asarray(embeddings), np.asarray(labels))
    except (ValueError, TypeError, RuntimeError) as error:  # rows of different lengths; tensors of a training
        raise SetupError(f"{which}: embeddings must be (N, D) and labels (N,): {error}") from error


def _check_arrays(name: str, embeddings: NDArray[np.generic], labels: NDArray[np.generic]) -> EmbeddedImages:
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not embeddings.shape[1]:
        raise SetupError(
            f"{name!r} contains embeddings {embeddings.shape} and labels {labels.shape}; they must be (N, D) and (N,)"
        )
    labels = _plain_labels(name, labels)
    if embeddings.dtype.kind not in "fiu" or labels.dtype.kind not in "iuU":
        kinds = f"embeddings of type {embeddings.dtype} and labels of type {labels.dtype}"
        raise SetupError(f"{name!r} contains {kinds}; embeddings must be numbers, labels integers or strings")
    with np.errstate(over="ignore"):  # numbers that are too large become infinity and are refused below
        plain = embeddings.astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(plain).all(axis=1))
    if broken.size:
        raise SetupError(
            f"{name!r} contains NaN, infinity or numbers too large in {count_noun(broken.size, 'row')}, "
            f"the first {broken[0]}; "
            "leave out these images, or embed them with a model that has not diverged"
        )
    if labels.dtype.kind == "U":
        written = tuple(labels.tolist())
        cleaned = [clean_text(label, LONGEST_LABEL) for label in written]
        labels = np.array(apply_rule(choose_number_rule(cleaned), cleaned), dtype=str)
        names, numbers = np.unique(labels, return_inverse=True)
        return EmbeddedImages(plain, numbers.astype(np.int64), tuple(names.tolist()), written)
    return EmbeddedImages(plain, labels.astype(np.int64))


def _plain_labels(name: str, labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return labels as integers or strings where that is what they mean, and refuse missing ones.

    Objects are those of a pandas column. Whole floats are integers, written so beside a missing value.
    """
    values = labels.tolist() if labels.dtype.kind in "OUSf" else []
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise SetupError(
            f"{name!r} has no label in {count_noun(len(missing), 'row')}, the first {missing[0]}; "
            "leave out these images or label them"
        )
    if labels.dtype.kind == "O" and all(isinstance(value, str) for value in values):
        return labels.astype(str)
    if labels.dtype.kind == "O" and all(isinstance(value, int | float) for value in values):
        labels = labels.astype(np.float64)
    if labels.dtype.kind == "S":
        return np.array([value.decode("utf-8", "replace") for value in values])
    if labels.dtype.kind != "f":
        return labels
    numbers = labels.astype(np.float64)
    if (abs(numbers) > EXACT).any():
        raise SetupError(
            f"{name!r} has labels above {EXACT:,} written as floats, which cannot tell neighbours apart; write them "
            "as integers or strings"
        )
    return numbers.astype(np.int64) if (numbers == numbers.round()).all() else labels


def _is_missing(value: object) -> bool:
    """Whether a label is None, NaN, an empty text, or `NA` or `NaT` of pandas, which cannot be compared."""
    if type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str | bytes) and not value.strip())
    )
