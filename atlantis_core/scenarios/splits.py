"""Scenarios that split a collection anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from atlantis_core.data.splitting import near_groups, split_images
from atlantis_core.errors import SetupError
from atlantis_core.learning.options import in_range
from atlantis_core.scenarios.scenario import Item, classes_of

_VALIDATION = "validation is taken out of train when the collection is read"


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """Test classes that are not trained on (Oh Song et al. 2016, section 5.1): the first by name are trained on."""

    train_classes: int = 0
    """How many; 0: the first half, as in CUB (100 of 200) and Cars196 (98 of 196)."""

    def apply(
        self,
        items: Sequence[Item],
        generator: np.random.Generator,  # noqa: ARG002 (nothing is left to chance)
    ) -> tuple[list[Item], list[str]]:
        """Return all images with new splits; see `Scenario`.

        Raises:
            SetupError: Fewer than two classes on a side.
        """
        labels = classes_of(items)
        count = self.train_classes or len(labels) // 2
        if not 2 <= count <= len(labels) - 2:
            raise SetupError(
                f"zero-shot needs 2 classes at least on either side; {count} of {len(labels)} would be trained on"
            )
        trained = set(labels[:count])
        split = [replace(item, split="train" if item.label in trained else "test") for item in items]
        return split, [f"read it with --regime unseen; {_VALIDATION}, by class"]


@dataclass(frozen=True, slots=True)
class FullShot:
    """Every class in both splits, half of its images in each; near-duplicates stay on one side."""

    test_share: float = 0.5
    """Share of each class's images that becomes test."""

    def __post_init__(self) -> None:
        in_range("full-shot: test_share", self.test_share, 0, 0.9)

    def apply(
        self,
        items: Sequence[Item],
        generator: np.random.Generator,  # noqa: ARG002 (splits are by content)
    ) -> tuple[list[Item], list[str]]:
        """Return all images with new splits; see `Scenario`."""
        groups = near_groups([item.photo.id for item in items], [item.photo.fingerprint for item in items])
        splits = split_images([item.label for item in items], groups, {"test": self.test_share})
        return [replace(item, split=split) for item, split in zip(items, splits, strict=True)], [_VALIDATION]
