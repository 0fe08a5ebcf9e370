"""Scenarios that take training images away; validation and test stay whole, so that figures can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import check_range
from atlantis_core.captioning.attributes import MEASURED, measure_attributes
from atlantis_core.data.column_syntax import format_column, parse_column_value, parse_column_values
from atlantis_core.importing.import_plan import describe_pairless_classes
from atlantis_core.scenarios.scenario import ScenarioItem, list_classes

_GALLERY_NOTE = "in the regime 'seen' training images are also what is searched: the gallery is smaller too"


@dataclass(frozen=True, slots=True)
class FewShot:
    """Few training images in the first classes by name; the released ATLANTIS leaves 3 in 100."""

    anew: ClassVar[bool] = False
    shots: int = 3
    """Training images that each of them keeps."""
    classes: int = 0
    """How many classes; 0: all."""

    def __post_init__(self) -> None:
        check_range("few-shot: shots", self.shots, 0)

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `Scenario`."""
        labels = list_classes(items, "train")
        scarce = set(labels[: _parse_count(self.classes or len(labels), labels, "few-shot")])
        left = _cut_images(items, lambda item: item.label in scarce, lambda _: self.shots, generator)
        return left, _describe_cut(left)


@dataclass(frozen=True, slots=True)
class Imbalanced:
    """Some classes, drawn by chance, keep hardly an image; the released ATLANTIS leaves 2 in 75 classes."""

    anew: ClassVar[bool] = False
    classes: int = 0
    """How many classes; 0: half of them."""
    keep: int = 2
    """Training images that each of them keeps."""

    def __post_init__(self) -> None:
        check_range("imbalanced: keep", self.keep, 0)

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `Scenario`."""
        labels = list_classes(items, "train")
        count = _parse_count(self.classes or max(1, len(labels) // 2), labels, "imbalanced")
        drawn = set(generator.permutation(labels)[:count].tolist())
        left = _cut_images(items, lambda item: item.label in drawn, lambda _: self.keep, generator)
        return left, [*_describe_cut(left), f"classes that were cut: {', '.join(sorted(drawn))}"]


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
        check_range("domain-scarce: keep", self.keep, -1)
        if not 0 <= self.share < 1:
            raise SetupError(f"domain-scarce: share is 0 or more and below 1, not {self.share!r}")
        if self.keep and self.share:
            raise SetupError("domain-scarce takes a number to keep or a share, not both")

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `Scenario`."""
        pairs = {text.strip(): parse_column_value(text) or ("", "") for text in parse_column_values(self.facet)}
        wanted = set(pairs.values())
        missing = _find_measured_columns(items, {column for column, _ in wanted})
        measured = _measure_facets(items, missing) if missing else {}

        def carried(item: ScenarioItem) -> set[tuple[str, str]]:
            return {*item.photo.entry.columns.items(), *measured.get(item.photo.id, ())}

        _check_value_occurs(pairs, [carried(item) for item in items if item.split == "train"])

        def scarce(item: ScenarioItem) -> bool:
            return bool(wanted & carried(item))

        def kept(count: int) -> int:
            return round(self.share * count) if self.share else self.keep

        left = _cut_images(items, scarce, kept, generator)
        notes = _describe_cut(left)
        if missing:
            notes.append(f"measured of the photos, as `atlantis diagnose` does: {', '.join(missing)}")
        return left, notes


def _find_measured_columns(items: Sequence[ScenarioItem], asked: Set[str]) -> list[str]:
    """Return which of the columns that are asked for the metadata lack, though photos can be measured for them."""
    given = {name for item in items for name in item.photo.entry.columns}
    return [name for name in MEASURED if name in asked - given]


def _measure_facets(items: Sequence[ScenarioItem], facets: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return image id -> measured facets and their values, of the training photos."""
    paths = {item.photo.id: str(item.photo.entry.path) for item in items if item.split == "train"}
    found = {identity: measure_attributes(path) for identity, path in paths.items()}
    return {identity: [(name, values[name]) for name in facets] for identity, values in found.items()}


def _check_value_occurs(pairs: Mapping[str, tuple[str, str]], training: Sequence[Set[tuple[str, str]]]) -> None:
    """Refuse a column and value, keyed by what was typed, that no training image carries."""
    there = {pair for carried in training for pair in carried}
    for text, (column, value) in pairs.items():
        if (column, value) in there:
            continue
        columns = sorted({name for name, _ in there})
        none = f"none; columns: {', '.join(map(format_column, columns)) or 'none'}; measured: {', '.join(MEASURED)}"
        known = ", ".join(sorted(v for name, v in there if name == column)[:20]) or none
        raise SetupError(f"no training image has {text!r}; values of {column!r} there: {known}")


def _parse_count(asked: int, labels: Sequence[str], what: str) -> int:
    if not 1 <= asked <= len(labels):
        raise SetupError(f"{what}: {asked} classes are asked for, and {len(labels)} have training images")
    return asked


def _describe_cut(left: Sequence[ScenarioItem]) -> list[str]:
    return [_GALLERY_NOTE, *describe_pairless_classes(item.label for item in left if item.split == "train")]


def _cut_images(
    items: Sequence[ScenarioItem],
    scarce: Callable[[ScenarioItem], bool],
    keep: Callable[[int], int],
    generator: np.random.Generator,
) -> list[ScenarioItem]:
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
    if len(list_classes(left, "train")) < 2:
        raise SetupError("fewer than two classes would keep training images; keep more of them")
    return left
