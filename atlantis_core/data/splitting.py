"""Making train, validation and test where none are given: by content, and never through near-duplicates.

The same pictures give the same splits whatever their file names and order, because everything is sorted by
content hashes, which are as good as random.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from atlantis_core.base.errors import SetupError
from atlantis_core.data.fingerprints import find_near_duplicates
from atlantis_core.records import Split

HELD_OUT: Mapping[Split, float] = {"validation": 0.2, "test": 0.2}
"""Share of each class (`seen`) or of the classes (`unseen`) that is kept from training."""
VALIDATION_ONLY: Mapping[Split, float] = {"validation": 0.2}
"""The same where a test split is given and only validation is missing."""
MIN_CLASSES = 2
"""Classes of a split in the regime `unseen`: with a single one every retrieval is right."""


def group_near_duplicates(ids: Sequence[str], fingerprints: Sequence[bytes]) -> list[str]:
    """Group images that are near-duplicates of each other, directly or through others.

    Args:
        ids: Image ids, N.
        fingerprints: Their fingerprints, N.

    Returns:
        The name of each image's group, N: the smallest id in it.
    """
    parents = list(range(len(ids)))

    def find(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for first, second in find_near_duplicates(fingerprints):
        one, other = find(first), find(second)
        # The smaller id leads, so that the group's name does not depend on the order of the images.
        leader, follower = (one, other) if ids[one] <= ids[other] else (other, one)
        parents[follower] = leader
    return [ids[find(index)] for index in range(len(ids))]


def split_images(
    labels: Sequence[str], groups: Sequence[str], shares: Mapping[Split, float] = HELD_OUT
) -> list[Split]:
    """Split each class's images (regime `seen`).

    A group of near-duplicates goes to one split as a whole, the largest groups to training. Every class
    keeps at least one group for training; validation comes before test where there are only two groups. A
    group that spans classes goes to training.

    Args:
        labels: Class of each image, N.
        groups: Near-duplicate group of each image, N.
        shares: Part of each class that each held-out split gets.

    Returns:
        Split of each image, N.
    """
    spans: dict[str, set[str]] = defaultdict(set)
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        spans[group].add(label)
        sizes[label][group] += 1
    chosen: dict[str, Split] = {}
    for of_class in sizes.values():
        own = sorted((size, group) for group, size in of_class.items() if len(spans[group]) == 1)
        if len(own) == len(of_class):
            own = own[:-1]  # the largest stays for training, where no shared group is there already
        quotas = {split: max(1, round(share * of_class.total())) for split, share in shares.items()}
        dealt = _assign_units([size for size, _ in own], quotas)
        chosen.update({group: split for (_, group), split in zip(own, dealt, strict=True)})
    return [chosen.get(group, "train") for group in groups]


def split_classes(
    labels: Sequence[str], groups: Sequence[str], shares: Mapping[Split, float] = HELD_OUT
) -> list[Split]:
    """Split the classes themselves (regime `unseen`); classes that share near-duplicates stay together.

    Args:
        labels: Class of each image, N.
        groups: Near-duplicate group of each image, N.
        shares: Part of the classes that each held-out split gets.

    Returns:
        Split of each image, N.

    Raises:
        SetupError: Some split would have fewer than `MIN_CLASSES` classes.
    """
    bundles = _class_bundles(labels, groups)
    in_order = sorted(bundles, key=lambda bundle: (len(bundle), _digest(bundle)))
    quotas = {split: max(MIN_CLASSES, round(share * len(set(labels)))) for split, share in shares.items()}
    dealt = _assign_units([len(bundle) for bundle in in_order], quotas)
    chosen: dict[str, Split] = {
        label: split for bundle, split in zip(in_order, dealt, strict=True) for label in bundle
    }
    counts = Counter(chosen.values())
    if min(counts[split] for split in ("train", *shares)) < MIN_CLASSES:
        needed = MIN_CLASSES * (1 + len(shares))
        raise SetupError(
            f"the regime 'unseen' needs at least {needed} classes that share no pictures, and there are "
            f"{len(bundles)} to split; add classes or use --regime seen"
        )
    return [chosen[label] for label in labels]


def keep_known_splits(made: Sequence[Split], units: Sequence[str], known: Sequence[Split | None]) -> list[Split]:
    """Let units (near-duplicate groups or classes) keep the split that a member of theirs has had.

    Where members have had several, the one that is kept most closely counts: test, then validation.

    Args:
        made: Split of each image as it was made now, N.
        units: What must stay together, N.
        known: Split of each image as it was made earlier, N; None for a new one.

    Returns:
        Split of each image, N.
    """
    had: dict[str, set[Split]] = defaultdict(set)
    for unit, split in zip(units, known, strict=True):
        if split is not None:
            had[unit].add(split)
    closest: tuple[Split, ...] = ("test", "validation", "train")
    kept = {unit: next(split for split in closest if split in found) for unit, found in had.items()}
    return [kept.get(unit, split) for unit, split in zip(units, made, strict=True)]


def _assign_units(sizes: Sequence[int], quotas: Mapping[Split, int]) -> list[Split]:
    """Deal units of given sizes to the held-out split that lacks most; the rest is for training."""
    counts: Counter[Split] = Counter()
    dealt: list[Split] = []
    for size in sizes:
        neediest = max(quotas, key=lambda split: quotas[split] - counts[split])
        lacks = quotas[neediest] - counts[neediest]
        fits = lacks > 0 and (size <= lacks or counts[neediest] == 0)
        dealt.append(neediest if fits else "train")
        if fits:
            counts[neediest] += size
    return dealt


def _class_bundles(labels: Sequence[str], groups: Sequence[str]) -> list[tuple[str, ...]]:
    """Return classes bundled by the near-duplicate groups they share."""
    bundle_of: dict[str, set[str]] = {label: {label} for label in labels}
    first_of: dict[str, str] = {}
    for label, group in zip(labels, groups, strict=True):
        first = first_of.setdefault(group, label)
        if bundle_of[first] is not bundle_of[label]:
            bundle_of[first] |= bundle_of[label]
            for member in bundle_of[label]:
                bundle_of[member] = bundle_of[first]
    return sorted({tuple(sorted(bundle)) for bundle in bundle_of.values()})


def _digest(bundle: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(bundle).encode()).hexdigest()
