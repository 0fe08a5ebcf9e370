"""Making train, validation and test splits by content; near-duplicates always share a split.

Images are sorted by their content hashes, which are as good as random, so file names and order have no effect.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from atlantis_core.base.errors import SetupError
from atlantis_core.data.near_duplicates import find_near_duplicates
from atlantis_core.records import Split

HELD_OUT: Mapping[Split, float] = {"validation": 0.2, "test": 0.2}
"""Share of each class (`seen`) or of the classes (`unseen`) that is held out."""
VALIDATION_ONLY: Mapping[Split, float] = {"validation": 0.2}
"""The same if a test split is given and only validation is missing."""
MIN_CLASSES = 2
"""Fewest classes of a split in the regime `unseen`: with one class every retrieval would be correct."""


def group_near_duplicates(ids: Sequence[str], fingerprints: Sequence[bytes]) -> list[str]:
    """Group images that are near-duplicates, directly or through others; return the smallest id of each group, N."""
    parents = list(range(len(ids)))

    def find(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for first, second in find_near_duplicates(fingerprints):
        one, other = find(first), find(second)
        # The smaller id leads, so that the order of the images has no effect.
        leader, follower = (one, other) if ids[one] <= ids[other] else (other, one)
        parents[follower] = leader
    return [ids[find(index)] for index in range(len(ids))]


def split_images(
    labels: Sequence[str], groups: Sequence[str], shares: Mapping[Split, float] = HELD_OUT
) -> list[Split]:
    """Split the images of each class (regime `seen`) by shares per held-out split; return the split of each image, N.

    All images of a near-duplicate group go to one split, the largest groups to training. Every class keeps at least
    one group for training; if it has only two, the other goes to validation. Groups that span classes go to training.
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
            own = own[:-1]  # the largest is for training, unless a shared group is there already
        quotas = {split: max(1, round(share * of_class.total())) for split, share in shares.items()}
        assigned = _assign_units([size for size, _ in own], quotas)
        chosen.update({group: split for (_, group), split in zip(own, assigned, strict=True)})
    return [chosen.get(group, "train") for group in groups]


def split_classes(
    labels: Sequence[str], groups: Sequence[str], shares: Mapping[Split, float] = HELD_OUT
) -> list[Split]:
    """Split by class (regime `unseen`); arguments and result as for `split_images`, with shares of the classes.

    Classes that share near-duplicates stay together.

    Raises:
        SetupError: Some split would have fewer than `MIN_CLASSES` classes.
    """
    bundles = _class_bundles(labels, groups)
    in_order = sorted(bundles, key=lambda bundle: (len(bundle), hashlib.sha256("\0".join(bundle).encode()).digest()))
    quotas = {split: max(MIN_CLASSES, round(share * len(set(labels)))) for split, share in shares.items()}
    assigned = _assign_units([len(bundle) for bundle in in_order], quotas)
    chosen: dict[str, Split] = {
        label: split for bundle, split in zip(in_order, assigned, strict=True) for label in bundle
    }
    counts = Counter(chosen.values())
    if min(counts[split] for split in ("train", *shares)) < MIN_CLASSES:
        needed = MIN_CLASSES * (1 + len(shares))
        raise SetupError(
            f"the regime 'unseen' needs at least {needed} classes that share no images, but there are "
            f"{len(bundles)}; add classes or use --regime seen"
        )
    return [chosen[label] for label in labels]


def keep_known_splits(made: Sequence[Split], units: Sequence[str], known: Sequence[Split | None]) -> list[Split]:
    """Return splits in which units (near-duplicate groups or classes) keep the earlier split of their members, N.

    If members had different splits, test comes before validation, and validation before train.
    All arguments are in the order of the images, N; the known split of a new image is None.
    """
    had: dict[str, set[Split]] = defaultdict(set)
    for unit, split in zip(units, known, strict=True):
        if split is not None:
            had[unit].add(split)
    precedence: tuple[Split, ...] = ("test", "validation", "train")
    kept = {unit: next(split for split in precedence if split in found) for unit, found in had.items()}
    return [kept.get(unit, split) for unit, split in zip(units, made, strict=True)]


def _assign_units(sizes: Sequence[int], quotas: Mapping[Split, int]) -> list[Split]:
    """Assign each unit to the held-out split that lacks most images, or to training."""
    counts: Counter[Split] = Counter()
    assigned: list[Split] = []
    for size in sizes:
        neediest = max(quotas, key=lambda split: quotas[split] - counts[split])
        lacks = quotas[neediest] - counts[neediest]
        fits = lacks > 0 and (size <= lacks or counts[neediest] == 0)
        assigned.append(neediest if fits else "train")
        if fits:
            counts[neediest] += size
    return assigned


def _class_bundles(labels: Sequence[str], groups: Sequence[str]) -> list[tuple[str, ...]]:
    """Bundle classes that share near-duplicate groups."""
    bundle_of: dict[str, set[str]] = {label: {label} for label in labels}
    first_of: dict[str, str] = {}
    for label, group in zip(labels, groups, strict=True):
        first = first_of.setdefault(group, label)
        if bundle_of[first] is not bundle_of[label]:
            bundle_of[first] |= bundle_of[label]
            for member in bundle_of[label]:
                bundle_of[member] = bundle_of[first]
    return sorted({tuple(sorted(bundle)) for bundle in bundle_of.values()})
