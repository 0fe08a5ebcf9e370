"""The collection that a scenario starts from: every usable image, test images included, since they are copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress
from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.data.inspection import InspectedFile, summarize_problems
from atlantis_core.data.reading import InspectedCollection, ReadOptions, inspect_collection
from atlantis_core.data.split_assignment import KnownSplits, assign_splits
from atlantis_core.importing.import_plan import ImportedPhoto
from atlantis_core.records import Regime
from atlantis_core.scenarios.scenario import ScenarioItem

REAL_ORIGIN = "real"
"""Value of the column `origin` of images that nobody made."""
TRAINED_ONLY_NOTE = "made photos are trained on only (role train): real photos alone ask and are searched"


@dataclass(frozen=True, slots=True)
class ScenarioSource:
    """A collection and how it is to be read."""

    folder: Path
    options: ReadOptions = field(default_factory=ReadOptions)
    """Choice of columns; of the others only label, split and role are copied where facets are chosen."""
    regime: Regime = "seen"
    """How missing splits are made, and what the given ones must fit."""
    known_splits: KnownSplits = field(default_factory=KnownSplits, repr=False)
    """What earlier readings made in this regime; it is kept."""


@dataclass(frozen=True, slots=True)
class SourceImages:
    """A collection as read."""

    root: Path
    """Its folder, resolved."""
    items: tuple[ScenarioItem, ...]
    """The usable images, in an order that file names do not change."""
    notes: tuple[str, ...]
    """What was left out or decided, a sentence each."""


def read_scenario_source(source: ScenarioSource, progress: Progress, *, split: bool = True) -> SourceImages:
    """Look at all files of a collection.

    Args:
        source: Where it is and how it is read.
        progress: Told how many images were looked at.
        split: Whether splits are made where none are given, and must fit the regime.

    Raises:
        SetupError: There is no such folder, or too little in it is of use.
    """
    looked = inspect_collection(source.folder, source.options, progress)
    assigned = assign_splits(looked.images, source.regime, source.known_splits) if split else None
    pairs = assigned.photos if assigned else tuple((photo, photo.entry.split) for photo in looked.images)
    chosen = _copied_columns(looked, source.options)
    items = [ScenarioItem(_select_columns(photo, chosen), its_split) for photo, its_split in pairs]
    notes = [summarize_problems(looked.problems), *(assigned.notes if assigned else ())]
    in_order = sorted(items, key=lambda item: (item.label, item.photo.id))
    return SourceImages(looked.root, tuple(in_order), tuple(filter(None, notes)))


def to_imported_photo(item: ScenarioItem, under: str = "", **facets: str) -> ImportedPhoto:
    """Return an image as it is written: the same file, in the same place below `under`."""
    entry = item.photo.entry
    return ImportedPhoto(
        under + entry.name, entry.path, entry.label, item.split, entry.role, {**entry.columns, **facets}
    )


def mark_synthetic(photo: ImportedPhoto) -> ImportedPhoto:
    """Mark a training photo as made: trainings weigh it apart, and it is not searched as real photos are."""
    return replace(photo, role="train", facets={**photo.facets, ORIGIN: SYNTHETIC})


def image_origin(item: ScenarioItem) -> str:
    """Return `synthetic` for an image that an earlier merging marked so, else `real`."""
    return SYNTHETIC if item.photo.entry.columns.get(ORIGIN) == SYNTHETIC else REAL_ORIGIN


def check_origins(items: Sequence[ScenarioItem]) -> None:
    """Refuse a column `origin` that means something else: marking made images in it would lose it.

    Raises:
        SetupError: There is one.
    """
    others = sorted({item.photo.entry.columns.get(ORIGIN, REAL_ORIGIN) for item in items} - {REAL_ORIGIN, SYNTHETIC})
    if others:
        raise SetupError(
            f"the collection has a column {ORIGIN!r} of its own ({others[0]!r} ...), and made images are marked in a "
            "column of that name; rename it in the metadata"
        )


def _copied_columns(looked: InspectedCollection, options: ReadOptions) -> frozenset[str]:
    """Return the columns that are copied."""
    if options.facets is None:
        return frozenset(looked.listing.columns)
    if unknown := [name for name in options.facets if name not in looked.listing.columns]:
        known = ", ".join(map(repr, looked.listing.columns)) or "none"
        raise SetupError(f"facets name {unknown[0]!r}, which is no column; columns: {known}")
    return frozenset(options.facets) | {ORIGIN}


def _select_columns(photo: InspectedFile, chosen: frozenset[str]) -> InspectedFile:
    columns = {name: value for name, value in photo.entry.columns.items() if name in chosen}
    return replace(photo, entry=replace(photo.entry, columns=columns))
