"""Assigning every image its split: the given one, or one made here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.base.errors import SetupError
from atlantis_core.data.inspection import InspectedFile
from atlantis_core.data.lookalikes import describe_lookalikes, find_lookalikes
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
"""How splits were made here: all of them (`whole`), or validation out of a given train (`carved`)."""
_SPLIT_RULE: Mapping[Regime, str] = {"seen": "within every class by content", "unseen": "by class"}


@dataclass(frozen=True, slots=True)
class KnownSplits:
    """Splits made earlier in a regime, image id -> split, separately by how they were made.

    Validation images carved out of one collection's train say nothing about a collection without given splits.
    """

    whole: Mapping[str, Split] = field(default_factory=dict)
    carved: Mapping[str, Split] = field(default_factory=dict)
    """For images whose given split is train; never test."""


@dataclass(frozen=True, slots=True)
class AssignedSplits:
    """Images with their splits."""

    files: tuple[tuple[InspectedFile, Split], ...]
    made: SplitOrigin | None
    """None if all splits are given."""
    notes: tuple[str, ...]
    """What was made and why, for the person."""


def assign_splits(
    files: Sequence[InspectedFile], regime: Regime, before: KnownSplits, *, needs_queries: bool = True
) -> AssignedSplits:
    """Use the given splits, make the missing ones, and, for a task with queries, check that they fit the regime.

    No image ever leaves a test split, whether it was given or made earlier; splits made `before` are kept.

    Raises:
        SetupError: There are no training images, or the splits contradict the regime.
    """
    given = {file.entry.split for file in files}
    if given <= {None} or given == {"train"}:
        made = _make_all_splits(files, regime, before.whole)
        return _check_validation(made) if needs_queries else made
    if "train" not in given and needs_queries:
        found = " and ".join(sorted(str(split) for split in given))
        raise SetupError(f"no usable image is in the training split (only in {found}); mark some as train")
    if "validation" in given or "train" not in given:
        pairs = tuple((file, file.entry.split) for file in files if file.entry.split is not None)
        assigned = AssignedSplits(pairs, None, () if "test" in given else ("No test split is given.",))
    else:
        carved = _carve_validation(files, regime, before.carved)
        assigned = _check_validation(carved) if needs_queries else carved
    if needs_queries:
        _check_regime(assigned, regime)
    return assigned


def _make_all_splits(files: Sequence[InspectedFile], regime: Regime, known: Mapping[str, Split]) -> AssignedSplits:
    splits = _split(files, regime, HELD_OUT, known)
    counts = Counter(splits)
    parts = ", ".join(f"{counts[split]} {split}" for split in ("train", *HELD_OUT))
    note = (
        f"No held-out splits are given: {len(files)} images were split {_SPLIT_RULE[regime]} into {parts}"
        f"{_note_kept_splits(files, splits, known)}."
    )
    return AssignedSplits(tuple(zip(files, splits, strict=True)), made="whole", notes=(note,))


def _carve_validation(files: Sequence[InspectedFile], regime: Regime, known: Mapping[str, Split]) -> AssignedSplits:
    """Make validation out of train, if only train and test are given."""
    training = [file for file in files if file.entry.split == "train"]
    splits = _split(training, regime, VALIDATION_ONLY, known)
    tests: list[tuple[InspectedFile, Split]] = [(file, "test") for file in files if file.entry.split == "test"]
    note = (
        f"No validation split is given: {splits.count('validation')} of {len(training)} training images, chosen "
        f"{_SPLIT_RULE[regime]}, became validation{_note_kept_splits(training, splits, known)}."
    )
    return AssignedSplits((*zip(training, splits, strict=True), *tests), made="carved", notes=(note,))


def _note_kept_splits(files: Sequence[InspectedFile], splits: Sequence[Split], known: Mapping[str, Split]) -> str:
    """Return how many images kept their earlier split, for the note; empty if none did."""
    same = sum(_known_split(file, known) == split for file, split in zip(files, splits, strict=True))
    return f" ({same} of {len(files)} as this workspace split them before)" if same else ""


def _split(
    files: Sequence[InspectedFile], regime: Regime, shares: Mapping[Split, float], known: Mapping[str, Split]
) -> list[Split]:
    ids, labels = [file.first_id for file in files], [file.entry.label for file in files]
    groups = group_near_duplicates(ids, [file.fingerprint for file in files])
    made = (split_images if regime == "seen" else split_classes)(labels, groups, shares)
    before = [_known_split(file, known) for file in files]
    return keep_known_splits(made, groups if regime == "seen" else labels, before)


def _known_split(file: InspectedFile, known: Mapping[str, Split]) -> Split | None:
    """Return the split of an earlier time, also if the file had other pixels and thus another id then."""
    return known.get(file.id, known.get(file.first_id))


def _check_validation(assigned: AssignedSplits) -> AssignedSplits:
    """Refuse made splits without validation images: each class is one near-duplicate group or one image."""
    if any(split == "validation" for _, split in assigned.files):
        return assigned
    raise SetupError(
        "no image can be held out for validation: the images of each class are near-duplicates of each other; "
        "add different images, or mark validation images by a split column or split folders"
    )


def _check_regime(assigned: AssignedSplits, regime: Regime) -> None:
    classes: dict[Split, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for file, split in assigned.files:
        classes[split].add(file.entry.label)
    shared = sorted(classes["train"] & (classes["validation"] | classes["test"]))
    if regime == "unseen" and shared:
        raise SetupError(
            f"the regime 'unseen' needs held-out classes that are not trained on, but {len(shared)} classes "
            f"are in both ({shared[0]!r} ...); use --regime seen, or name a --split-column that splits by class"
        )
    if regime == "seen" and not classes["train"] & classes["validation"]:
        alike = find_lookalikes(classes["validation"], classes["train"])
        hint = f"look-alikes: {describe_lookalikes(alike)}; write each in one way" if alike else "use --regime unseen"
        raise SetupError(f"no validation class has training images, so no query has a positive; {hint}")
