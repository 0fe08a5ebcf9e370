"""Worlds: how many images each cell has, and which gap is planted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from atlantis_core.harbor.scene import Difficulty
from atlantis_core.harbor.vocabulary import CONDITIONS, DEMO_CLASSES, VESSELS, VesselClass

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
GroupKind = Literal["gap", "scarce_but_easy", "missed_not_scarce"]

FACET = "condition"
"""The facet of every world."""

_EASY_CONDITION = "sunset"  # the shipped student was pretrained on it, so few training images are enough
_GAP_CONDITIONS = tuple(c for c in CONDITIONS if c not in ("day", _EASY_CONDITION))
_SCARCE = (0, 1)  # training images of a scarce cell, alternating over the classes


@dataclass(frozen=True, slots=True)
class CellGroup:
    """All classes of one vessel in one condition, and what is planted there.

    Attributes:
        planted: `gap` is scarce and missed; `scarce_but_easy` is scarce, but retrieved well; `missed_not_scarce` has
            enough training images, but hard queries that more images hardly improve.
        vessel: One of `VESSELS`.
        condition: One of `CONDITIONS`.
    """

    planted: GroupKind
    vessel: str
    condition: str

    def contains(self, vessel_class: VesselClass, condition: str) -> bool:
        """Return whether a cell belongs to this group."""
        return (vessel_class.vessel, condition) == (self.vessel, self.condition)


@dataclass(frozen=True, slots=True)
class WorldCell:
    """One class in one condition: how many images each split has.

    Attributes:
        label: Class name.
        condition: One of `CONDITIONS`.
        train: Training images, which are also the gallery.
        validation: Validation queries.
        test: Queries of the sealed test split.
        difficulty: Difficulty of the queries; training images are always ordinary.
    """

    label: str
    condition: str
    train: int
    validation: int
    test: int
    difficulty: Difficulty = "ordinary"

    def num_images(self, split: Split) -> int:
        """Return how many images this cell has in a split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


@dataclass(frozen=True, slots=True)
class World:
    """A collection to be rendered; `as_json` gives it as JSON-able data.

    Attributes:
        name: Family, e.g. `harbor`.
        seed: Determines the scenes, and in `planted_gap_world` also what is planted where.
        cells: Every class in every condition.
        planted: The gap first, then its distractors; empty in a balanced world.
    """

    name: str
    seed: int
    cells: tuple[WorldCell, ...]
    planted: tuple[CellGroup, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, sorted."""
        return tuple(sorted({cell.label for cell in self.cells}))

    @property
    def gap(self) -> CellGroup | None:
        """The planted gap, or None."""
        return next((group for group in self.planted if group.planted == "gap"), None)

    def size(self, split: Split) -> int:
        """Return how many images a split has."""
        return sum(cell.num_images(split) for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        """Return the complete description of this world as plain data."""
        return dataclasses.asdict(self)


def _plan_groups(seed: int) -> tuple[CellGroup, ...]:
    """Choose gap and distractors; seed 0 has trawlers at night, and the first 24 seeds have different gaps."""
    condition = _GAP_CONDITIONS[seed % len(_GAP_CONDITIONS)]
    gap_vessel = (VESSELS.index("trawler") + seed + seed // 12) % len(VESSELS)
    # Offsets of 1, 2 and 3 keep the four groups on four different vessels.
    easy, easy_too, hard = ((gap_vessel + offset) % len(VESSELS) for offset in (1, 2 + 2 * (seed % 2), 3))
    hard_conditions = tuple(c for c in CONDITIONS if c not in (condition, _EASY_CONDITION))
    return (
        CellGroup("gap", VESSELS[gap_vessel], condition),
        CellGroup("scarce_but_easy", VESSELS[easy], _EASY_CONDITION),
        CellGroup("scarce_but_easy", VESSELS[easy_too], _EASY_CONDITION),
        CellGroup("missed_not_scarce", VESSELS[hard], hard_conditions[seed % len(hard_conditions)]),
    )


def _build_cell(vessel_class: VesselClass, number: int, condition: str, planted: tuple[CellGroup, ...]) -> WorldCell:
    """Build a cell; `number` is the index of the class within its vessel."""
    group = next((g for g in planted if g.contains(vessel_class, condition)), None)
    counts: dict[GroupKind | None, tuple[int, int]] = {
        None: (12 if condition == "day" else 4, 7),
        "gap": (_SCARCE[number % 2], 40),
        "scarce_but_easy": (_SCARCE[number % 2], 20),
        "missed_not_scarce": (14, 20),
    }
    kind = group.planted if group else None
    train, queries = counts[kind]
    difficulty: Difficulty = "hard" if kind == "missed_not_scarce" else "ordinary"
    return WorldCell(vessel_class.label, condition, train, queries, queries, difficulty)


def planted_gap_world(seed: int) -> World:
    """Build the demo's world: one gap to find among distractors.

    The training split is the gallery. In the gap (one condition of the eight classes of one vessel) a class has at
    most one training image, and 40 queries in each of validation and test.

    Args:
        seed: Non-negative; determines all scenes and what is planted where.

    Returns:
        The world: about 1,500 training images and 2,700 queries in each of validation and test.
    """
    planted = _plan_groups(seed)
    cells = tuple(
        _build_cell(vessel_class, number % 8, condition, planted)
        for number, vessel_class in enumerate(DEMO_CLASSES)
        for condition in CONDITIONS
    )
    return World("harbor", seed, cells, planted)


def balanced_world(seed: int) -> World:
    """Build a world without gaps: five training images and seven queries per split in each cell.

    Args:
        seed: Non-negative; determines all scenes.

    Returns:
        The world: 1,440 training images and 2,016 queries in each of validation and test.
    """
    cells = tuple(WorldCell(c.label, condition, 5, 7, 7) for c in DEMO_CLASSES for condition in CONDITIONS)
    return World("harbor-balanced", seed, cells)


def tiny_world(seed: int) -> World:
    """Build a world for quick tests: eight classes by day and night; night is scarce for the two trawlers.

    Args:
        seed: Non-negative; determines all scenes.

    Returns:
        The world: 78 training images and 64 queries in each of validation and test.
    """
    gap = CellGroup("gap", "trawler", "night")
    cells = []
    for vessel in ("tug", "sloop", "ferry", "trawler"):
        for number, vessel_class in enumerate([c for c in DEMO_CLASSES if c.vessel == vessel][:2]):
            for condition in ("day", "night"):
                scarce = gap.contains(vessel_class, condition)
                train = _SCARCE[number] if scarce else {"day": 7, "night": 4}[condition]
                cells.append(WorldCell(vessel_class.label, condition, train, 4, 4))
    return World("harbor-tiny", seed, tuple(cells), (gap,))


WORLDS: dict[str, Callable[[int], World]] = {
    "harbor": planted_gap_world,
    "harbor-balanced": balanced_world,
    "harbor-tiny": tiny_world,
}
"""Name of a bundled collection -> function that builds its world."""
