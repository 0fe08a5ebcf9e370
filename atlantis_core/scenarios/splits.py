"""Scenarios that split a collection anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import check_range
from atlantis_core.data.splitting import group_near_duplicates, split_images
from atlantis_core.importing.import_plan import describe_lone_classes
from atlantis_core.scenarios.scenario_source import ScenarioItem, list_classes

_VALIDATION = "validation is split off train when the collection is read"


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """Test classes that are not trained on (Oh Song et al. 2016, section 5.1): train on the first classes by name."""

    anew: ClassVar[bool] = True
    train_classes: int = 0
    """Number of training classes; 0: use `train_share`."""
    train_share: float = 0.5
    """Share of training classes; a half for CUB (100 of 200) and Cars196 (98 of 196)."""

    def __post_init__(self) -> None:
        check_range("zero-shot: train_share", self.train_share, 0, 1)

    def apply(
        self,
        items: Sequence[ScenarioItem],
        generator: np.random.Generator,  # noqa: ARG002 (nothing is random)
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return all images with new splits; see `scenario_writer.Scenario`."""
        labels = list_classes(items)
        count = self.train_classes or int(self.train_share * len(labels))
        if not 2 <= count <= len(labels) - 2:
            raise SetupError(
                f"zero-shot needs at least 2 classes in train and in test; {count} of {len(labels)} would be in train"
            )
        trained = set(labels[:count])
        split = [replace(item, split="train" if item.label in trained else "test") for item in items]
        notes = [f"read it with --regime unseen; {_VALIDATION}, by class"]
        notes += describe_lone_classes(item.label for item in items)
        return split, [*notes, *_describe_unsealed(items, split)]


@dataclass(frozen=True, slots=True)
class FullShot:
    """Every class in both splits, half of its images in each, drawn by chance; near-duplicates stay on one side."""

    anew: ClassVar[bool] = True
    test_share: float = 0.5
    """Share of each class's images that becomes test."""

    def __post_init__(self) -> None:
        check_range("full-shot: test_share", self.test_share, 0, 0.9)

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return all images with new splits; see `scenario_writer.Scenario`."""
        groups = group_near_duplicates([item.photo.id for item in items], [item.photo.fingerprint for item in items])
        names = sorted(set(groups))
        # `split_images` decides by group name, so random names give random splits.
        drawn = dict(zip(names, (f"{n:09d}" for n in generator.permutation(len(names))), strict=True))
        splits = split_images(
            [item.label for item in items], [drawn[group] for group in groups], {"test": self.test_share}
        )
        split = [replace(item, split=new) for item, new in zip(items, splits, strict=True)]
        return split, [_VALIDATION, *_describe_unsealed(items, split)]


def _describe_unsealed(before: Sequence[ScenarioItem], after: Sequence[ScenarioItem]) -> list[str]:
    """Report how many images of a given test split are trained on now."""
    opened = sum(old.split == "test" != new.split for old, new in zip(before, after, strict=True))
    if not opened:
        return []
    return [f"{opened} images of the given test split are trained on here: do not test such a model on the original"]
