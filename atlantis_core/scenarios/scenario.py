"""What a scenario is handed, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from atlantis_core.data.inspection import InspectedFile
from atlantis_core.records import Split


@dataclass(frozen=True, slots=True)
class ScenarioItem:
    """One usable image of the collection, with its split."""

    photo: InspectedFile
    split: Split | None
    """None only before a scenario that splits anew, where none is given."""

    @property
    def label(self) -> str:
        """Class name."""
        return self.photo.entry.label


class Scenario(Protocol):
    """A situation to put a collection into."""

    anew: ClassVar[bool]
    """Whether it makes all splits itself, so that the given ones need not fit a regime."""

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay, in order, with their splits, and a sentence for each thing to know.

        Args:
            items: All usable images, in a fixed order.
            generator: Makes the choices that are left to chance.

        Raises:
            SetupError: The collection cannot be put into it.
        """
        ...


def list_classes(items: Sequence[ScenarioItem], split: Split | None = None) -> list[str]:
    """Return the class names in order, of one split or of all."""
    return sorted({item.label for item in items if split in (None, item.split)})
