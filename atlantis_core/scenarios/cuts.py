"""Scenarios that take training images away; validation and test stay whole, so that figures can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.captioning.attributes import MEASURED, attributes_in
from atlantis_core.data.column_syntax import column_value, column_values, typed
from atlantis_core.importing.plans import named_pairless
from atlantis_core.learning.option_strings import in_range
from atlantis_core.scenarios.scenario import Item, classes_of

_GALLERY = "in the regime 'seen' training images are also what is searched: the gallery is smaller too"


@dataclass(frozen=True, slots=True)
class FewShot:
    """Few training images in the first classes by name; the released ATLANTIS leaves 3 in 100."""

    anew: ClassVar[bool] = False
    shots: int = 3
    """Training images that each of them keeps."""
    classes: int = 0
    """How many classes; 0: all."""

    def __post_init__(self) -> None:
        in_range("few-shot: shots", self.shots, 0)

    def apply(self, items: Sequence[Item], generator: np.random.Generator) -> tuple[list[Item], list[str]]:
        """Return the images that stay; see `Scenario`."""
        labels = classes_of(items, "train")
        scarce = set(labels[: _count(self.classes or len(labels), labels, "few-shot")])
        left = _cut(items, lambda item: item.label in scarce, lambda _: self.shots, generator)
        return left, _notes(left)


@dataclass(frozen=True, slots=True)
class Imbalanced:
    """Some classes, drawn by chance, keep hardly an image; the released ATLANTIS leaves 2 in 75 classes."""

    anew: ClassVar[bool] = False
    classes: int = 0
    """How many classes; 0: half of them."""
    keep: int = 2
    """Training images that each of them keeps."""

    def __post_init__(self) -> None:
        in_range("imbalanced: keep", self.keep, 0)

    def apply(self, items: Sequence[Item], generator: np.random.Generator) -> tuple[list[Item], list[str]]:
        """Return the images that stay; see `Scenario`."""
        labels = classes_of(items, "train")
        count = _count(self.classes or max(1, len(labels) // 2), labels, "imbalanced")
        drawn = set(generator.permutation(labels)[:count].tolist())
        left = _cut(items, lambda item: item.label in drawn, lambda _: self.keep, generator)
        return left, [*_notes(left), f"classes that were cut: {', '.join(sorted(drawn))}"]


@dataclass(frozen=True, slots=True)
class DomainScarce:
    """Hardly any training image of some facet values: few night photos, few of a body style."""

    anew: ClassVar[bool] = False
    facet: str = ""
    r"""`COL=V`, several divided by commas: `lighting=night,lighting=dusk`; `\=` and `\,` are signs of their own."""
    keep: int = 0
    """Training images of these values that each class keeps."""
    share: float = 0.0
    """Instead: share of its training images of these values that each class keeps, rounded."""

    def __post_init__(self) -> None:
        if not self.facet:
            raise SetupError("domain-scarce needs --facet COL=V, such as --facet lighting=night")
        in_range("domain-scarce: keep", self.keep, -1)
        if not 0 <= self.share < 1:
            raise SetupError(f"domain-scarce: share is 0 or more and below 1, not {self.share!r}")
        if self.keep and self.share:
            raise SetupError("domain-scarce takes a number to keep or a share, not both")

    def apply(self, items: Sequence[Item], generator: np.random.Generator) -> tuple[list[Item], list[str]]:
        """Return the images that stay; see `Scenario`."""
        pairs = {text.strip(): column_value(text) or ("", "") for text in column_values(self.facet)}
        wanted = set(pairs.values())
        missing = _only_measured(items, {column for column, _ in wanted})
        measured = _measured(items, missing) if missing else {}

        def carried(item: Item) -> set[tuple[str, str]]:
            return {*item.photo.entry.columns.items(), *measured.get(item.photo.id, ())}

        _check_carried(pairs, [carried(item) for item in items if item.split == "train"])

        def scarce(item: Item) -> bool:
            return bool(wanted & carried(item))

        def kept(count: int) -> int:
            return round(self.share * count) if self.share else self.keep

        left = _cut(items, scarce, kept, generator)
        notes = _notes(left)
        if missing:
            notes.append(f"measured of the photos, as `atlantis diagnose` does: {', '.join(missing)}")
        return left, notes


def _only_measured(items: Sequence[Item], asked: Set[str]) -> list[str]:
    """Return which of the columns that are asked for the metadata lack, though photos can be measured for them."""
    given = {name for item in items for name in item.photo.entry.columns}
    return [name for name in MEASURED if name in asked - given]


def _measured(items: Sequence[Item], facets: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return image id -> measured facets and their values, of the training photos."""
    paths = {item.photo.id: str(item.photo.entry.path) for item in items if item.split == "train"}
    found = {identity: attributes_in(path) for identity, path in paths.items()}
    return {identity: [(name, values[name]) for name in facets] for identity, values in found.items()}


def _check_carried(pairs: Mapping[str, tuple[str, str]], training: Sequence[Set[tuple[str, str]]]) -> None:
    """Refuse a column and value, keyed by what was typed, that no training image carries."""
    there = {pair for carried in training for pair in carried}
    for text, (column, value) in pairs.items():
        if (column, value) in there:
            continue
        columns = sorted({name for name, _ in there})
        none = f"none; columns: {', '.join(map(typed, columns)) or 'none'}; measured: {', '.join(MEASURED)}"
        known = ", ".join(sorted(v for name, v in there if name == column)[:20]) or none
        raise SetupError(f"no training image has {text!r}; values of {column!r} there: {known}")


def _count(asked: int, labels: Sequence[str], what: str) -> int:
    if not 1 <= asked <= len(labels):
        raise SetupError(f"{what}: {asked} classes are asked for, and {len(labels)} have training images")
    return asked


def _notes(left: Sequence[Item]) -> list[str]:
    return [_GALLERY, *named_pairless(item.label for item in left if item.split == "train")]


def _cut(
    items: Sequence[Item], scarce: Callable[[Item], bool], keep: Callable[[int], int], generator: np.random.Generator
) -> list[Item]:
    """Keep all but the training images that are scarce, and of the n such of a class `keep(n)`, drawn by chance.

    Raises:
        SetupError: Fewer than two classes would be left to train on.
    """
    groups: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        if item.split == "train" and scarce(item):
            groups.setdefault(item.label, []).append(row)
    lost: set[int] = set()
    for label in sorted(groups):
        lost.update(generator.permutation(groups[label])[keep(len(groups[label])) :].tolist())
    left = [item for row, item in enumerate(items) if row not in lost]
    if len(classes_of(left, "train")) < 2:
        raise SetupError("fewer than two classes would keep training images; keep more of them")
    return left
