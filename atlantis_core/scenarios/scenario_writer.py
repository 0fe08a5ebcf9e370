"""Write a collection as a scenario changes it, with a description (`scenario.json`) beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from atlantis_core.base.option_strings import make_with
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.registry import load_part
from atlantis_core.importing.collection_writer import ImportResult, resolve_source, write_collection
from atlantis_core.importing.import_plan import ImportedPhoto, ImportPlan
from atlantis_core.scenarios import SCENARIOS
from atlantis_core.scenarios.scenario_source import (
    ScenarioItem,
    ScenarioSource,
    SourceImages,
    read_scenario_source,
    to_imported_photo,
)

DESCRIPTION_NAME = "scenario.json"
_RECORDED_PACKAGES = ("atlantis-dml", "numpy", "pillow", "torch")


class Scenario(Protocol):
    """A change to a collection's training images or splits."""

    anew: ClassVar[bool]
    """Whether it makes all splits itself, so that given ones need not fit a regime."""

    def apply(
        self, items: Sequence[ScenarioItem], generator: np.random.Generator
    ) -> tuple[list[ScenarioItem], list[str]]:
        """Return the images to keep, in order, with their splits, and notes for the user.

        The items are all usable images, in a fixed order.

        Raises:
            SetupError: The collection does not suit the scenario.
        """


def write_scenario(
    name: str,
    source: ScenarioSource,
    folder: Path,
    given: Mapping[str, Any],
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[ImportResult, dict[str, Any]]:
    """Write a collection as a scenario of `SCENARIOS` changes it, into a new folder; the source is not changed.

    `given` are the scenario's options. Photos are hard links if possible.

    Returns:
        What was written, and its description (`scenario.json`): name, options, seed, source, images before and after
        by split, notes, and package versions.

    Raises:
        SetupError: There is no such scenario or option, the collection does not suit it, or the folder cannot be
            written.
    """
    scenario: Scenario = make_with(load_part(SCENARIOS, name, "scenario"), given, f"scenario {name!r}")
    resolve_source(source.folder, folder)
    read = read_scenario_source(source, progress, split=not scenario.anew)
    kept, notes = scenario.apply(read.items, np.random.default_rng(seed))
    if len(kept) == len(read.items) and not scenario.anew:
        notes = [*notes, "nothing was cut: no class has more such training images than it may keep"]
    options = asdict(scenario)  # type: ignore[call-overload]  # every scenario is a dataclass
    story = describe_scenario(name, options, seed, source, read, kept, notes)
    plan = build_import_plan([to_imported_photo(item) for item in kept], len(kept), story, read.root.name)
    return write_collection(plan, folder, progress), story


def describe_scenario(
    name: str,
    options: Mapping[str, Any],
    seed: int,
    source: ScenarioSource,
    read: SourceImages,
    after: Sequence[ScenarioItem],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return everything needed to repeat the scenario, and its outcome, as JSON data."""
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
        "before": count_images(read.items),
        "after": count_images(after),
        "notes": [*read.notes, *notes],
        "versions": {package: metadata.version(package) for package in _RECORDED_PACKAGES},
    }


def build_import_plan(
    photos: Iterable[ImportedPhoto], total: int, story: Mapping[str, Any], title: str
) -> ImportPlan:
    """Return the plan of a scenario; its description may still grow while the photos are written."""
    return ImportPlan(photos, total, title, files={DESCRIPTION_NAME: story}, notes=story["notes"])


def count_images(items: Sequence[ScenarioItem]) -> dict[str, Any]:
    """Count images by split, and the fewest and most training images of a class that has any."""
    per_class = Counter(item.label for item in items if item.split == "train").values()
    return {
        "images": len(items),
        "classes": len({item.label for item in items}),
        "splits": dict(sorted(Counter(item.split or "none" for item in items).items())),
        "train_per_class": [min(per_class, default=0), max(per_class, default=0)],
    }
