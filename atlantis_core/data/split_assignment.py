"""Giving every image its split: the given ones where they are of use, else ones made here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.base.errors import SetupError
from atlantis_core.data.inspection import Inspected
from atlantis_core.data.splitting import (
    HELD_OUT,
    VALIDATION_ONLY,
    as_before,
    near_groups,
    split_classes,
    split_images,
)
from atlantis_core.records import Regime, Split

Made = Literal["whole", "carved"]
"""How splits came about here: none were given, or only validation was made, out of a given train."""
_BY: Mapping[Regime, str] = {"seen": "within every class by content", "unseen": "by class"}


@dataclass(frozen=True, slots=True)
class MadeBefore:
    """Splits that earlier readings made in a regime, image id -> split, apart by how they came about.

    What was carved out of the training split of one collection says nothing about another that brings none.
    """

    whole: Mapping[str, Split] = field(default_factory=dict)
    carved: Mapping[str, Split] = field(default_factory=dict)
    """Of images whose given split is train; never test."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Images with their splits."""

    photos: tuple[tuple[Inspected, Split], ...]
    made: Made | None
    """None where all splits are given."""
    notes: tuple[str, ...]
    """What was made and why, for a person."""


def assign_splits(photos: Sequence[Inspected], regime: Regime, before: MadeBefore) -> Assigned:
    """Use the given splits, make what is missing, and check that they fit the regime.

    Nothing is ever taken out of a given test split, nor out of one that was made before.

    Args:
        photos: Usable images.
        regime: `seen` or `unseen`.
        before: What earlier readings made; made again as it was.

    Raises:
        SetupError: There is nothing to train on, or the splits contradict the regime.
    """
    given = {photo.entry.split for photo in photos}
    if given <= {None} or given == {"train"}:
        return _with_validation(_whole(photos, regime, before.whole))
    if "train" not in given:
        held = " and ".join(sorted(str(split) for split in given))
        raise SetupError(f"no usable image is in the training split (there is {held}); mark some as train")
    assigned = _given(photos) if "validation" in given else _with_validation(_carved(photos, regime, before.carved))
    _check_regime(assigned, regime)
    return assigned


def _given(photos: Sequence[Inspected]) -> Assigned:
    pairs = tuple((photo, photo.entry.split) for photo in photos if photo.entry.split is not None)
    notes = () if any(split == "test" for _, split in pairs) else ("No test split is given.",)
    return Assigned(pairs, made=None, notes=notes)


def _whole(photos: Sequence[Inspected], regime: Regime, known: Mapping[str, Split]) -> Assigned:
    splits = _split(photos, regime, HELD_OUT, known)
    counts = Counter(splits)
    parts = ", ".join(f"{counts[split]} {split}" for split in ("train", *HELD_OUT))
    note = (
        f"No held-out splits are given: {len(photos)} images were split {_BY[regime]} into {parts}"
        f"{_as_they_were(photos, splits, known)}."
    )
    return Assigned(tuple(zip(photos, splits, strict=True)), made="whole", notes=(note,))


def _carved(photos: Sequence[Inspected], regime: Regime, known: Mapping[str, Split]) -> Assigned:
    """Take validation out of train, where only train and test are given."""
    training = [photo for photo in photos if photo.entry.split == "train"]
    splits = _split(training, regime, VALIDATION_ONLY, known)
    tests: list[tuple[Inspected, Split]] = [(photo, "test") for photo in photos if photo.entry.split == "test"]
    note = (
        f"No validation split is given: {splits.count('validation')} of {len(training)} training images, chosen "
        f"{_BY[regime]}, became validation{_as_they_were(training, splits, known)}."
    )
    return Assigned((*zip(training, splits, strict=True), *tests), made="carved", notes=(note,))


def _as_they_were(photos: Sequence[Inspected], splits: Sequence[Split], known: Mapping[str, Split]) -> str:
    """Say how many images have the split that they had before; nothing where none has."""
    same = sum(known.get(photo.id) == split for photo, split in zip(photos, splits, strict=True))
    return f" ({same} of {len(photos)} as this workspace split them before)" if same else ""


def _split(
    photos: Sequence[Inspected], regime: Regime, shares: Mapping[Split, float], known: Mapping[str, Split]
) -> list[Split]:
    ids, labels = [photo.id for photo in photos], [photo.entry.label for photo in photos]
    groups = near_groups(ids, [photo.fingerprint for photo in photos])
    made = (split_images if regime == "seen" else split_classes)(labels, groups, shares)
    return as_before(made, groups if regime == "seen" else labels, [known.get(identity) for identity in ids])


def _with_validation(assigned: Assigned) -> Assigned:
    """Refuse made splits without validation: then each class is one group, or one image."""
    if any(split == "validation" for _, split in assigned.photos):
        return assigned
    raise SetupError(
        "no image can be held out for validation: the images of each class are near-duplicates of each other; "
        "add different photos, or say what is validation in a split column or in split folders"
    )


def _check_regime(assigned: Assigned, regime: Regime) -> None:
    classes: dict[Split, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for photo, split in assigned.photos:
        classes[split].add(photo.entry.label)
    shared = sorted(classes["train"] & (classes["validation"] | classes["test"]))
    if regime == "unseen" and shared:
        raise SetupError(
            f"the regime 'unseen' needs held-out classes that are not trained on, but {len(shared)} classes "
            f"are in both ({shared[0]!r} ...); use --regime seen, or --split-column with one that splits classes"
        )
    if regime == "seen" and not classes["train"] & classes["validation"]:
        raise SetupError(
            "no validation class has training images, so no query can find a partner; use --regime unseen"
        )
