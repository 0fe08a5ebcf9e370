"""Real and made images in one collection, with quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.data.facets import MADE, ORIGIN
from atlantis_core.data.inspection import inspect
from atlantis_core.data.reading import ReadOptions, list_files
from atlantis_core.errors import SetupError
from atlantis_core.importing.writing import Imported, write_collection
from atlantis_core.ports import Progress, no_progress
from atlantis_core.records import Regime
from atlantis_core.scenarios.making import counts, outside, photo_of, plan_of, read_items
from atlantis_core.scenarios.scenario import Item


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many made images a class may get; the strictest counts, and with none all are taken."""

    per_class: int | None = None
    """At most so many."""
    fill_to: int | None = None
    """At most as many as bring its training images up to this; the released merging fills to 32."""
    ratio: float | None = None
    """At most so many for each real training image."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and value < 0:
                raise SetupError(f"merge: {name} is 0 or more, not {value!r}")

    def of(self, real: int) -> float:
        """Return how many made images a class with so many real training images may get."""
        limits = [
            self.per_class,
            None if self.fill_to is None else max(0, self.fill_to - real),
            None if self.ratio is None else int(self.ratio * real),
        ]
        return min((limit for limit in limits if limit is not None), default=float("inf"))


def merge(
    real: Path,
    made: Path,
    folder: Path,
    quotas: Quotas,
    options: ReadOptions | None = None,
    regime: Regime = "seen",
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Imported, dict[str, Any]]:
    """Write a collection with made images among its training images.

    They are marked in the column `origin`, by which trainings weigh them (`synthetic_weight`, `synthetic_share`), and
    never become validation or test images.

    Args:
        real: The collection.
        made: Folder of made images: class folders, or a metadata file. Classes that `real` does not train stay out.
        folder: A new folder outside of both.
        quotas: How many each class may get; which ones is drawn by chance.
        options: Choice of the collection's columns.
        regime: How its missing splits are made.
        seed: Of the draw.
        progress: Told how many images were looked at and placed.

    Returns:
        What was written and its story, as `making.make_scenario`.

    Raises:
        SetupError: Nothing fits together, or the folder cannot be written.
    """
    root, source = outside(real, folder), outside(made, folder)
    items = read_items(root, options, regime, progress)
    trained = Counter(item.label for item in items if item.split == "train")
    offered, _ = inspect(list_files(source, ReadOptions()).entries, progress)
    known = sorted((Item(photo, "train") for photo in offered if photo.entry.label in trained), key=_order)
    if not known:
        raise SetupError(
            f"no made image in {str(made)!r} has a class that {str(real)!r} trains; classes there: "
            f"{', '.join(sorted({photo.entry.label for photo in offered})[:10])}"
        )
    taken = _within(known, trained, quotas, np.random.default_rng(seed))
    strangers = len(offered) - len(known)
    story = {
        "scenario": "merge",
        "options": asdict(quotas),
        "seed": seed,
        "source": str(root),
        "made_source": str(source),
        "before": counts(items),
        "after": counts([*items, *taken]),
        "made": {"offered": len(offered), "of_other_classes": strangers, "taken": len(taken)},
        "notes": [f"{strangers} made images have classes that are not trained here; left out"] if strangers else [],
    }
    photos = [photo_of(item, "real/", **{ORIGIN: "real"}) for item in items]
    photos += [photo_of(item, "made/", **{ORIGIN: MADE}) for item in taken]
    return write_collection(plan_of(photos, story, root.name), folder, progress), story


def _order(item: Item) -> tuple[str, str]:
    return item.label, item.photo.id


def _within(
    items: Sequence[Item], trained: Counter[str], quotas: Quotas, generator: np.random.Generator
) -> list[Item]:
    """Draw as many of each class as the quotas let in."""
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        rows.setdefault(item.label, []).append(row)
    taken: list[int] = []
    for label, own in rows.items():
        drawn = generator.permutation(own)
        taken += drawn[: int(min(quotas.of(trained[label]), len(own)))].tolist()
    return [items[row] for row in sorted(taken)]
