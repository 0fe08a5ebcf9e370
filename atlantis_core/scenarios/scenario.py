"""The interface of a scenario: items in, items out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from atlantis_core.data.inspection import InspectedFile
from atlantis_core.records import Split


@dataclass(frozen=True, slots=True)
class ScenarioItem:
    """A usable image of the collection, with its split."""

    photo: InspectedFile
    split: Split | None
    """None only if none is given, before a scenario that splits anew."""

    @property
    def label(self) -> str:
        """Class name."""
        return self.photo.entry.label


class Scenario(Protocol):
    """A change to a collection's training images or splits."""

    anew: ClassVar[bool]
    """Whether it makes all splits itself, so that given ones need not fit a regime."""

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images to keep, in order, with their splits, and notes for the user.

        Args:
            items: All usable images, in a fixed order.
            generator: For random choices.

        Raises:
            SetupError: The collection does not suit the scenario.
        """
        ...


def list_classes(items: Sequence[ScenarioItem], split: Split | None = None) -> list[str]:
    """Return the sorted class names of one split, or of all."""
    return sorted({item.label for item in items if split in (None, item.split)})
