"""Scenarios that remove training images; validation and test stay complete, so that figures can be compared."""

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
from atlantis_core.records.natural_order import natural_key
from atlantis_core.scenarios.scenario_source import ScenarioItem, list_classes


@dataclass(frozen=True, slots=True)
class FewShot:
    """Few training images in the first classes by name; the released ATLANTIS keeps 3 in 100 classes."""

    anew: ClassVar[bool] = False
    shots: int = 3
    """Training images kept per class."""
    classes: int = 0
    """Number of classes; 0: all."""

    def __post_init__(self) -> None:
        check_range("few-shot: shots", self.shots, 0)

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `scenario_writer.Scenario`."""
        labels = list_classes(items, "train")
        scarce = set(labels[: _check_count(self.classes or len(labels), labels, "few-shot")])
        left = _cut_images(items, lambda item: item.label in scarce, lambda _: self.shots, generator)
        return left, _describe_cut(left)


@dataclass(frozen=True, slots=True)
class Imbalanced:
    """Hardly any training images in some random classes; the released ATLANTIS keeps 2 in 75 classes."""

    anew: ClassVar[bool] = False
    classes: int = 0
    """Number of classes; 0: half of them."""
    keep: int = 2
    """Training images kept per class."""

    def __post_init__(self) -> None:
        check_range("imbalanced: keep", self.keep, 0)

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `scenario_writer.Scenario`."""
        labels = list_classes(items, "train")
        count = _check_count(self.classes or max(1, len(labels) // 2), labels, "imbalanced")
        # By text, so that a seed draws the classes that it always drew.
        drawn = set(generator.permutation(sorted(labels))[:count].tolist())
        left = _cut_images(items, lambda item: item.label in drawn, lambda _: self.keep, generator)
        return left, [*_describe_cut(left), f"classes that were cut: {', '.join(sorted(drawn, key=natural_key))}"]


@dataclass(frozen=True, slots=True)
class DomainScarce:
    """Hardly any training images of some facet values: few night photos, few of a body style."""

    anew: ClassVar[bool] = False
    facet: str = ""
    r"""`COL=V`, separated by commas: `lighting=night,lighting=dusk`; `\=` and `\,` are literal."""
    keep: int = 0
    """Training images of these values kept per class."""
    share: float = 0.0
    """Instead: share of the training images of these values kept per class, rounded."""

    def __post_init__(self) -> None:
        if not self.facet:
            raise SetupError("domain-scarce needs --facet COL=V, such as --facet lighting=night")
        check_range("domain-scarce: keep", self.keep, -1)
        if not 0 <= self.share < 1:
            raise SetupError(f"domain-scarce: share must be at least 0 and below 1, not {self.share!r}")
        if self.keep and self.share:
            raise SetupError("domain-scarce takes --keep or --keep-share, not both")

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `scenario_writer.Scenario`."""
        pairs = {text.strip(): parse_column_value(text) or ("", "") for text in parse_column_values(self.facet)}
        wanted = set(pairs.values())
        given = {name for item in items for name in item.photo.entry.columns}
        missing = [name for name in MEASURED if name in {column for column, _ in wanted} - given]
        measured = _measure_facets(items, missing) if missing else {}

        def pairs_of(item: ScenarioItem) -> set[tuple[str, str]]:
            return {*item.photo.entry.columns.items(), *measured.get(item.photo.id, ())}

        _check_value_occurs(pairs, [pairs_of(item) for item in items if item.split == "train"])
        left = _cut_images(
            items,
            lambda item: bool(wanted & pairs_of(item)),
            lambda count: round(self.share * count) if self.share else self.keep,
            generator,
        )
        notes = _describe_cut(left)
        if missing:
            notes.append(f"measured of the photos, as `atlantis diagnose` does: {', '.join(missing)}")
        return left, notes


def _measure_facets(items: Sequence[ScenarioItem], facets: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return image id -> measured (facet, value) pairs of the training images."""
    paths = {item.photo.id: str(item.photo.entry.path) for item in items if item.split == "train"}
    found = {identity: measure_attributes(path) for identity, path in paths.items()}
    return {identity: [(name, values[name]) for name in facets] for identity, values in found.items()}


def _check_value_occurs(pairs: Mapping[str, tuple[str, str]], training: Sequence[Set[tuple[str, str]]]) -> None:
    """Refuse a (column, value), keyed by the typed text, that no training image has."""
    there = {pair for image in training for pair in image}
    for text, (column, value) in pairs.items():
        if (column, value) in there:
            continue
        columns = sorted({name for name, _ in there})
        none = f"none; columns: {', '.join(map(format_column, columns)) or 'none'}; measured: {', '.join(MEASURED)}"
        known = ", ".join(sorted(v for name, v in there if name == column)[:20]) or none
        raise SetupError(f"no training image has {text!r}; values of {column!r} there: {known}")


def _check_count(count: int, labels: Sequence[str], scenario: str) -> int:
    if not 1 <= count <= len(labels):
        raise SetupError(f"{scenario}: classes must be 1 to {len(labels)} (those with training images), not {count}")
    return count


def _describe_cut(left: Sequence[ScenarioItem]) -> list[str]:
    note = "in the regime 'seen' training images are also the gallery, which is smaller now"
    return [note, *describe_pairless_classes(item.label for item in left if item.split == "train")]


def _cut_images(
    items: Sequence[ScenarioItem],
    scarce: Callable[[ScenarioItem], bool],
    keep: Callable[[int], int],
    generator: np.random.Generator,
) -> list[ScenarioItem]:
    """Keep all images, but of the n training images of a class that are `scarce` only `keep(n)`, drawn by chance."""
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
