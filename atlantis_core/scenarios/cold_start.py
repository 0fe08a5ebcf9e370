"""The situation of a new product: some classes have nothing but their catalogue image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import check_range
from atlantis_core.data.column_syntax import parse_column_value
from atlantis_core.records.natural_order import natural_key
from atlantis_core.scenarios.scenario_source import ScenarioItem, list_classes


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Some random classes keep their catalogue images alone for training; the others keep everything."""

    anew: ClassVar[bool] = False
    classes: int = 20
    """Number of classes without photos."""
    catalogue: str = ""
    r"""`COL=V`, which the rows of catalogue images have; `\=` is literal."""

    def __post_init__(self) -> None:
        check_range("cold-start: classes", self.classes, 0)
        if parse_column_value(self.catalogue) is None:
            raise SetupError(
                f"cold-start needs the column and value that catalogue images have, not {self.catalogue!r}; "
                "write --catalogue COL=V, such as --catalogue kind=catalogue"
            )

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images that stay; see `scenario_writer.Scenario`."""
        pictured = [item for item in items if item.split == "train" and self._is_catalogue(item)]
        labels = list_classes(pictured)
        if not labels:
            raise SetupError(
                f"no training image has {self.catalogue!r}; give catalogue images a row each, split train"
            )
        if self.classes > len(labels):
            raise SetupError(
                f"cold-start: classes must be 1 to {len(labels)} (those with a catalogue image), not {self.classes}"
            )
        drawn = set(generator.permutation(sorted(labels))[: self.classes].tolist())
        left = [
            item for item in items if item.split != "train" or item.label not in drawn or self._is_catalogue(item)
        ]
        named = ", ".join(sorted(drawn, key=natural_key))
        return left, [
            "in the regime 'seen' training images are also the gallery, which is smaller now",
            f"classes with catalogue images alone: {named}",
        ]

    def _is_catalogue(self, item: ScenarioItem) -> bool:
        column, value = parse_column_value(self.catalogue) or ("", "")
        return item.photo.entry.columns.get(column) == value
