"""Giving every image its split: the given ones where they are of use, else ones made here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.base.errors import SetupError
from atlantis_core.data.inspection import InspectedFile
from atlantis_core.data.splitting import (
    HELD_OUT,
    VALIDATION_ONLY,
    group_near_duplicates,
    keep_known_splits,
    split_classes,
    split_images,
)
from atlantis_core.records import Regime, Split

SplitOrigin = Literal["whole", "carved"]
"""How splits came about here: none were given, or only validation was made, out of a given train."""
_SPLIT_RULE: Mapping[Regime, str] = {"seen": "within every class by content", "unseen": "by class"}


@dataclass(frozen=True, slots=True)
class KnownSplits:
    """Splits that earlier readings made in a regime, image id -> split, apart by how they came about.

    What was carved out of the training split of one collection says nothing about another that brings none.
    """

    whole: Mapping[str, Split] = field(default_factory=dict)
    carved: Mapping[str, Split] = field(default_factory=dict)
    """Of images whose given split is train; never test."""


@dataclass(frozen=True, slots=True)
class AssignedSplits:
    """Images with their splits."""

    photos: tuple[tuple[InspectedFile, Split], ...]
    made: SplitOrigin | None
    """None where all splits are given."""
    notes: tuple[str, ...]
    """What was made and why, for a person."""


def assign_splits(photos: Sequence[InspectedFile], regime: Regime, before: KnownSplits) -> AssignedSplits:
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
        return _check_validation(_make_all_splits(photos, regime, before.whole))
    if "train" not in given:
        held = " and ".join(sorted(str(split) for split in given))
        raise SetupError(f"no usable image is in the training split (there is {held}); mark some as train")
    assigned = (
        _use_given_splits(photos)
        if "validation" in given
        else _check_validation(_carve_validation(photos, regime, before.carved))
    )
    _check_regime(assigned, regime)
    return assigned


def _use_given_splits(photos: Sequence[InspectedFile]) -> AssignedSplits:
    pairs = tuple((photo, photo.entry.split) for photo in photos if photo.entry.split is not None)
    notes = () if any(split == "test" for _, split in pairs) else ("No test split is given.",)
    return AssignedSplits(pairs, made=None, notes=notes)


def _make_all_splits(photos: Sequence[InspectedFile], regime: Regime, known: Mapping[str, Split]) -> AssignedSplits:
    splits = _split(photos, regime, HELD_OUT, known)
    counts = Counter(splits)
    parts = ", ".join(f"{counts[split]} {split}" for split in ("train", *HELD_OUT))
    note = (
        f"No held-out splits are given: {len(photos)} images were split {_SPLIT_RULE[regime]} into {parts}"
        f"{_note_kept_splits(photos, splits, known)}."
    )
    return AssignedSplits(tuple(zip(photos, splits, strict=True)), made="whole", notes=(note,))


def _carve_validation(photos: Sequence[InspectedFile], regime: Regime, known: Mapping[str, Split]) -> AssignedSplits:
    """Take validation out of train, where only train and test are given."""
    training = [photo for photo in photos if photo.entry.split == "train"]
    splits = _split(training, regime, VALIDATION_ONLY, known)
    tests: list[tuple[InspectedFile, Split]] = [(photo, "test") for photo in photos if photo.entry.split == "test"]
    note = (
        f"No validation split is given: {splits.count('validation')} of {len(training)} training images, chosen "
        f"{_SPLIT_RULE[regime]}, became validation{_note_kept_splits(training, splits, known)}."
    )
    return AssignedSplits((*zip(training, splits, strict=True), *tests), made="carved", notes=(note,))


def _note_kept_splits(photos: Sequence[InspectedFile], splits: Sequence[Split], known: Mapping[str, Split]) -> str:
    """Say how many images have the split that they had before; nothing where none has."""
    same = sum(known.get(photo.id) == split for photo, split in zip(photos, splits, strict=True))
    return f" ({same} of {len(photos)} as this workspace split them before)" if same else ""


def _split(
    photos: Sequence[InspectedFile], regime: Regime, shares: Mapping[Split, float], known: Mapping[str, Split]
) -> list[Split]:
    ids, labels = [photo.id for photo in photos], [photo.entry.label for photo in photos]
    groups = group_near_duplicates(ids, [photo.fingerprint for photo in photos])
    made = (split_images if regime == "seen" else split_classes)(labels, groups, shares)
    return keep_known_splits(made, groups if regime == "seen" else labels, [known.get(identity) for identity in ids])


def _check_validation(assigned: AssignedSplits) -> AssignedSplits:
    """Refuse made splits without validation: then each class is one group, or one image."""
    if any(split == "validation" for _, split in assigned.photos):
        return assigned
    raise SetupError(
        "no image can be held out for validation: the images of each class are near-duplicates of each other; "
        "add different photos, or say what is validation in a split column or in split folders"
    )


def _check_regime(assigned: AssignedSplits, regime: Regime) -> None:
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
