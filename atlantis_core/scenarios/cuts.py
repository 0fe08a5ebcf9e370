"""Scenarios that take training images away; validation and test stay whole, so that figures can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlantis_core.data.typed_columns import column_value, column_values, typed
from atlantis_core.errors import SetupError
from atlantis_core.importing.plans import named_pairless
from atlantis_core.learning.options import in_range
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
        wanted = {self._value(text, items) for text in column_values(self.facet)}

        def scarce(item: Item) -> bool:
            return bool(wanted & {(name, value) for name, value in item.photo.entry.columns.items()})

        def kept(count: int) -> int:
            return round(self.share * count) if self.share else self.keep

        left = _cut(items, scarce, kept, generator)
        return left, _notes(left)

    def _value(self, text: str, items: Sequence[Item]) -> tuple[str, str]:
        """Return a column and a value that some training image has."""
        column, value = column_value(text) or ("", "")
        there = {item.photo.entry.columns.get(column, "") for item in items if item.split == "train"}
        if value not in there or not value:
            columns = sorted({name for item in items for name in item.photo.entry.columns})
            known = (
                ", ".join(sorted(there - {""})[:20]) or f"none; columns: {', '.join(map(typed, columns)) or 'none'}"
            )
            raise SetupError(f"no training image has {text.strip()!r}; values of {column!r} there: {known}")
        return column, value


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
