"""Near-duplicates: the same picture twice in training, or on both sides of a split, which flatters every figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.data.near_duplicates import find_near_duplicates, fingerprint_file

if TYPE_CHECKING:
    from atlantis_core.data.sealed import SealedSplit
    from atlantis_core.records import Collection, LabelledImage


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Near-duplicate images, by id."""

    within_train: tuple[tuple[str, str], ...]
    """Pairs of training images."""
    across_splits: tuple[tuple[str, str], ...]
    """Leaks: a training image and the validation image it shows."""
    in_test: tuple[str, ...]
    """Leaks: training and validation images that match a sealed test image (which one is never told)."""


def find_duplicates(
    collection: Collection,
    sealed: SealedSplit | None = None,
    fingerprints: Mapping[str, bytes] | None = None,
) -> Duplicates:
    """Find near-duplicates among the images of a collection, and between it and its sealed test split.

    Args:
        collection: Whose train and validation images are compared.
        sealed: Its test split; None: not looked into.
        fingerprints: Image id -> fingerprint, where some are known already; the others are read from the
            files.

    Raises:
        SetupError: A file has gone or is no image any more.
    """
    images = collection.images
    known = fingerprints or {}
    prints = [known.get(image.id) or _fingerprint(image) for image in images]
    within, across = [], []
    for first, second in find_near_duplicates(prints):
        pair = (images[first], images[second])
        splits = {image.split for image in pair}
        if splits == {"train"}:
            within.append((pair[0].id, pair[1].id))
        elif splits == {"train", "validation"}:
            train, validation = sorted(pair, key=lambda image: image.split)
            across.append((train.id, validation.id))
    matching = (
        ()
        if sealed is None
        else tuple(image.id for image, print_ in zip(images, prints, strict=True) if sealed.matches(print_))
    )
    return Duplicates(tuple(within), tuple(across), matching)


def _fingerprint(image: LabelledImage) -> bytes:
    try:
        return fingerprint_file(image.path)
    except OSError as error:
        raise SetupError(f"cannot read image {image.path!r} ({error}); read the collection again") from error
