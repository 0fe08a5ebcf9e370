"""Leaks: near-duplicates within training or across splits, which make every figure look better than it is."""

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
    """Ids of near-duplicate images."""

    within_train: tuple[tuple[str, str], ...]
    """Pairs of training images."""
    across_splits: tuple[tuple[str, str], ...]
    """Leaks: pairs of a training and a validation image."""
    in_test: tuple[str, ...]
    """Leaks: training and validation images that match a sealed test image (which one stays secret)."""


def find_duplicates(
    collection: Collection, sealed: SealedSplit | None = None, fingerprints: Mapping[str, bytes] | None = None
) -> Duplicates:
    """Find near-duplicates among train and validation images, and between them and the sealed test split, if given.

    `fingerprints` (by image id) that are missing are computed from the files.

    Raises:
        SetupError: A file is missing or no longer an image.
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
    pairs = zip(images, prints, strict=True)
    in_test = [image.id for image, print_ in pairs if sealed is not None and sealed.matches(print_)]
    return Duplicates(tuple(within), tuple(across), tuple(in_test))


def _fingerprint(image: LabelledImage) -> bytes:
    try:
        return fingerprint_file(image.path)
    except OSError as error:
        raise SetupError(f"cannot read image {image.path!r} ({error}); read the collection again") from error
