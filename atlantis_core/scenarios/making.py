"""From a collection and the name of a scenario to a new collection, with its story beside it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.data.assigning import assign_splits
from atlantis_core.data.inspection import inspect
from atlantis_core.data.reading import ReadOptions, list_files
from atlantis_core.errors import SetupError
from atlantis_core.importing.plans import Photo, Plan
from atlantis_core.importing.writing import Imported, write_collection
from atlantis_core.learning.options import made
from atlantis_core.ports import Progress, no_progress
from atlantis_core.records import Regime
from atlantis_core.registry import load
from atlantis_core.scenarios import SCENARIOS
from atlantis_core.scenarios.scenario import Item, Scenario

STORY_NAME = "scenario.json"


def make_scenario(
    name: str,
    source: Path,
    folder: Path,
    given: Mapping[str, Any],
    options: ReadOptions | None = None,
    regime: Regime = "seen",
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Imported, dict[str, Any]]:
    """Write a collection as a scenario sees it; the source stays as it is.

    Args:
        name: A name in `SCENARIOS`.
        source: The collection's folder.
        folder: A new folder outside of it; photos are links to the same files where they can be.
        given: The scenario's options.
        options: Choice of columns.
        regime: How missing splits are made.
        seed: Of the choices that are left to chance.
        progress: Told how many images were looked at and placed.

    Returns:
        What was written, and the story that lies beside it as `scenario.json`: name, options, seed, source, images
        before and after by split, and what to know.

    Raises:
        SetupError: No such scenario or option, a collection it does not suit, or a folder that cannot be written.
    """
    scenario: Scenario = made(load(SCENARIOS, name, "scenario"), given, f"scenario {name!r}")
    root = outside(source, folder)
    items = read_items(root, options, regime, progress)
    kept, notes = scenario.apply(items, np.random.default_rng(seed))
    story = {
        "scenario": name,
        "options": asdict(scenario),  # type: ignore[call-overload]  # every scenario is a dataclass
        "seed": seed,
        "source": str(root),
        "before": counts(items),
        "after": counts(kept),
        "notes": notes,
    }
    return write_collection(plan_of([photo_of(item) for item in kept], story, root.name), folder, progress), story


def read_items(root: Path, options: ReadOptions | None, regime: Regime, progress: Progress) -> list[Item]:
    """Return the usable images of a collection with their splits, in an order that file names do not change."""
    photos, _ = inspect(list_files(root, options or ReadOptions()).entries, progress)
    assigned = assign_splits(photos, regime, {})
    return sorted((Item(p, split) for p, split in assigned.photos), key=lambda item: (item.label, item.photo.id))


def outside(source: Path, folder: Path) -> Path:
    """Return the source's real folder, once it is sure that the new one is none inside of it.

    Raises:
        SetupError: There is no source, or the new folder is there or lies inside of it.
    """
    if not source.is_dir():
        raise SetupError(f"there is no folder {str(source)!r}; check the path")
    root = source.resolve()
    if os.path.lexists(folder):
        raise SetupError(f"{str(folder)!r} is there already; name a new folder, or remove it first")
    if Path(os.path.realpath(folder)).is_relative_to(root):
        raise SetupError(f"{str(folder)!r} lies inside {str(source)!r}; name a folder outside of it")
    return root


def photo_of(item: Item, under: str = "", **facets: str) -> Photo:
    """Return an image as it is written: the same file, in the same place below `under`."""
    entry = item.photo.entry
    return Photo(under + entry.name, entry.path, entry.label, item.split, entry.role, {**entry.columns, **facets})


def plan_of(photos: Sequence[Photo], story: Mapping[str, Any], title: str) -> Plan:
    """Return what is to be written, story included."""
    text = json.dumps(story, indent=2, ensure_ascii=False) + "\n"
    return Plan(photos, len(photos), title, files={STORY_NAME: text}, notes=list(story["notes"]))


def counts(items: Sequence[Item]) -> dict[str, Any]:
    """Return images by split, and the fewest and most training images of a class."""
    per_class = Counter(item.label for item in items if item.split == "train").values()
    return {
        "images": len(items),
        "classes": len({item.label for item in items}),
        "splits": dict(sorted(Counter(item.split for item in items).items())),
        "train_per_class": [min(per_class, default=0), max(per_class, default=0)],
    }
