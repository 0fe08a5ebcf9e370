"""Real and synthetic images in one collection, within quotas."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_printable
from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.data.file_listing import ReadOptions, list_files
from atlantis_core.data.inspection import InspectedFile, inspect_files, summarize_problems
from atlantis_core.data.near_duplicates import is_near_duplicate, unit_vectors
from atlantis_core.importing.collection_writer import ImportResult, resolve_source, write_collection
from atlantis_core.importing.import_plan import ImportedPhoto
from atlantis_core.records.natural_order import natural_key
from atlantis_core.scenarios.scenario_source import (
    REAL_ORIGIN,
    TRAINED_ONLY_NOTE,
    ScenarioItem,
    ScenarioSource,
    check_origins,
    image_origin,
    mark_synthetic,
    read_scenario_source,
    to_imported_photo,
)
from atlantis_core.scenarios.scenario_writer import build_import_plan, describe_scenario


@dataclass(frozen=True, slots=True)
class Quotas:
    """How many synthetic images a class may have in total; the strictest quota counts, without one all are taken."""

    per_class: int | None = None
    """At most this many."""
    fill_to: int | None = None
    """At most as many as bring its training images to this number; the released code fills to 32."""
    ratio: float | None = None
    """At most this many per real training image."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not (value >= 0 and math.isfinite(value)):
                raise SetupError(f"merge: {name} must be 0 or more, not {value!r}")

    def room(self, real: int, synthetic: int) -> float:
        """Return how many more synthetic images a class may get, given its real and synthetic training images."""
        limits = [
            self.per_class,
            None if self.fill_to is None else self.fill_to - real,
            None if self.ratio is None else int(self.ratio * real),
        ]
        return max(0, min((limit for limit in limits if limit is not None), default=math.inf) - synthetic)


@dataclass(frozen=True, slots=True)
class _OfferedImages:
    """The synthetic images that may join, and how many may not, by reason."""

    usable: tuple[ScenarioItem, ...]
    of_other_classes: int
    held_out: int
    """Near-duplicates of a validation or test image: training on them would leak it."""
    copies: int
    """Files that the collection already contains."""

    def notes(self) -> list[str]:
        """Return a sentence for each reason."""
        counts = {
            "of classes without training images": self.of_other_classes,
            "that show a validation or test image": self.held_out,
            "that are files of the collection itself": self.copies,
        }
        return [f"left out: {count} synthetic images {why}" for why, count in counts.items() if count]


def merge_synthetic(
    real: ScenarioSource,
    synthetic: Path,
    folder: Path,
    quotas: Quotas,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[ImportResult, dict[str, Any]]:
    """Write a collection with synthetic images among its training images.

    They are marked in the column `origin`, by which trainings weight them (`synthetic_weight`, `synthetic_share`) and
    which is therefore no facet. They never become validation or test images, and near-duplicates of those are left
    out. Their role is `train`: the gallery is unchanged, so figures with and without them differ by training alone.

    Synthetic images come in class folders or with a metadata file; those of classes without training images of `real`
    are left out. The folder is a new one outside of both; the seed decides which images are drawn.

    Returns:
        What was written and its description, as `scenario_writer.write_scenario`.

    Raises:
        SetupError: No image may join, or the folder cannot be written.
    """
    source = resolve_source(synthetic, folder)
    resolve_source(real.folder, folder)
    read = read_scenario_source(real, progress)
    check_origins(read.items)
    listing = list_files(source, ReadOptions())
    offered, damaged = inspect_files(listing.entries, progress)
    found = _sort_offered(read.items, offered)
    if not found.usable:
        why = "; ".join(found.notes()) or "none can be read"
        classes = ", ".join(sorted({photo.entry.label for photo in offered}, key=natural_key)[:10]) or "none"
        raise SetupError(f"no image of {to_printable(str(synthetic))!r} can join ({why}); classes there: {classes}")
    taken = _draw_within_quotas(found.usable, read.items, quotas, np.random.default_rng(seed))
    lost = summarize_problems([*listing.problems, *damaged]).partition(" (atlantis")[0]
    notes = [f"synthetic images: {note}" for note in (lost, *listing.notes) if note] + list(found.notes())
    notes.append(TRAINED_ONLY_NOTE if taken else "no synthetic image joined: the quotas leave no room in any class")
    story = describe_scenario("merge", asdict(quotas), seed, real, read, [*read.items, *taken], notes)
    counted = {name: getattr(found, name) for name in ("of_other_classes", "held_out", "copies")}
    story |= {"made_source": str(source), "made": {"offered": len(offered), **counted, "taken": len(taken)}}
    photos = [_existing_photo(item) for item in read.items] + [
        mark_synthetic(to_imported_photo(item, "made/")) for item in taken
    ]
    return write_collection(build_import_plan(photos, len(photos), story, read.root.name), folder, progress), story


def _existing_photo(item: ScenarioItem) -> ImportedPhoto:
    """Return a photo of the collection itself, real or from an earlier merge."""
    if image_origin(item) == SYNTHETIC:
        return mark_synthetic(to_imported_photo(item, "real/"))
    return to_imported_photo(item, "real/", **{ORIGIN: REAL_ORIGIN})


def _sort_offered(items: Sequence[ScenarioItem], offered: Sequence[InspectedFile]) -> _OfferedImages:
    """Sort synthetic images into usable ones and ones that must not be trained on."""
    trained = {item.label for item in items if item.split == "train"}
    files = {item.photo.sha256 for item in items}
    guarded = unit_vectors([item.photo.fingerprint for item in items if item.split != "train"])
    known = [photo for photo in offered if photo.entry.label in trained]
    clean = [photo for photo in known if not is_near_duplicate(photo.fingerprint, guarded)]
    new = (ScenarioItem(photo, "train") for photo in clean if photo.sha256 not in files)
    usable = sorted(new, key=lambda item: (item.label, item.photo.id))
    return _OfferedImages(tuple(usable), len(offered) - len(known), len(known) - len(clean), len(clean) - len(usable))


def _draw_within_quotas(
    usable: Sequence[ScenarioItem], items: Sequence[ScenarioItem], quotas: Quotas, generator: np.random.Generator
) -> list[ScenarioItem]:
    """Draw as many of each class as the quotas allow."""
    present = Counter((item.label, image_origin(item) == SYNTHETIC) for item in items if item.split == "train")
    rows: dict[str, list[int]] = {}
    for row, item in enumerate(usable):
        rows.setdefault(item.label, []).append(row)
    taken: list[int] = []
    for label, own in rows.items():
        room = quotas.room(present[label, False], present[label, True])
        taken += generator.permutation(own)[: int(min(room, len(own)))].tolist()
    return [usable[row] for row in sorted(taken)]
