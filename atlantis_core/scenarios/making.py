"""From a collection and the name of a scenario to a new collection, with its story beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.registry import load
from atlantis_core.importing.plans import Photo, Plan
from atlantis_core.importing.writing import Imported, write_collection
from atlantis_core.learning.option_strings import made
from atlantis_core.scenarios import SCENARIOS
from atlantis_core.scenarios.scenario import Item, Scenario
from atlantis_core.scenarios.sources import Read, Source, outside, photo_of, read_source

STORY_NAME = "scenario.json"
_PACKAGES = ("atlantis-dml", "numpy", "pillow", "torch")


def make_scenario(
    name: str,
    source: Source,
    folder: Path,
    given: Mapping[str, Any],
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[Imported, dict[str, Any]]:
    """Write a collection as a scenario sees it; the source stays as it is.

    Args:
        name: A name in `SCENARIOS`.
        source: The collection and how it is read.
        folder: A new folder outside of it; photos are links to the same files where they can be.
        given: The scenario's options.
        seed: Of the choices that are left to chance.
        progress: Told how many images were looked at and placed.

    Returns:
        What was written, and the story that lies beside it as `scenario.json`: name, options, seed, source, images
        before and after by split, what to know, and the versions it was made with.

    Raises:
        SetupError: No such scenario or option, a collection it does not suit, or a folder that cannot be written.
    """
    scenario: Scenario = made(load(SCENARIOS, name, "scenario"), given, f"scenario {name!r}")
    outside(source.folder, folder)
    read = read_source(source, progress, split=not scenario.anew)
    kept, notes = scenario.apply(read.items, np.random.default_rng(seed))
    if len(kept) == len(read.items) and not scenario.anew:
        notes = [*notes, "nothing was cut: no class has more such training images than it was to keep"]
    options = asdict(scenario)  # type: ignore[call-overload]  # every scenario is a dataclass
    story = story_of(name, options, seed, source, read, kept, notes)
    plan = plan_of([photo_of(item) for item in kept], len(kept), story, read.root.name)
    return write_collection(plan, folder, progress), story


def story_of(
    name: str,
    options: Mapping[str, Any],
    seed: int,
    source: Source,
    read: Read,
    after: Sequence[Item],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return all that is needed to make it again, and what came of it, as plain data."""
    facets = source.options.facets
    return {
        "scenario": name,
        "options": dict(options),
        "seed": seed,
        "source": str(read.root),
        "read": {
            "label": source.options.label,
            "split": source.options.split,
            "facets": None if facets is None else list(facets),
            "regime": source.regime,
        },
        "before": counts(read.items),
        "after": counts(after),
        "notes": [*read.notes, *notes],
        "versions": {package: metadata.version(package) for package in _PACKAGES},
    }


def plan_of(photos: Iterable[Photo], total: int, story: Mapping[str, Any], title: str) -> Plan:
    """Return what is to be written; the story may still grow while the photos are made."""
    return Plan(photos, total, title, files={STORY_NAME: story}, notes=story["notes"])


def counts(items: Sequence[Item]) -> dict[str, Any]:
    """Return images by split, and the fewest and most training images of a class that has any."""
    per_class = Counter(item.label for item in items if item.split == "train").values()
    return {
        "images": len(items),
        "classes": len({item.label for item in items}),
        "splits": dict(sorted(Counter(item.split or "none" for item in items).items())),
        "train_per_class": [min(per_class, default=0), max(per_class, default=0)],
    }
