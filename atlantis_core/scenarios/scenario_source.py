"""The collection that a scenario starts from: every usable image, including test images, which are copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress
from atlantis_core.data.facets import ORIGIN, SYNTHETIC
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.inspection import InspectedFile
from atlantis_core.data.leftovers import summarize_files
from atlantis_core.data.reading import InspectedCollection, inspect_collection
from atlantis_core.data.split_assignment import KnownSplits, assign_splits
from atlantis_core.importing.import_plan import ImportedPhoto
from atlantis_core.records import Regime, Split
from atlantis_core.records.natural_order import natural_key

REAL_ORIGIN = "real"
"""Value of the column `origin` for photographs."""
TRAINED_ONLY_NOTE = "synthetic images are for training only (role train): queries and gallery are real photos"


@dataclass(frozen=True, slots=True)
class ScenarioSource:
    """A collection and how it is to be read."""

    folder: Path
    options: ReadOptions = field(default_factory=ReadOptions)
    """Choice of columns; if facets are chosen, only they, label, split and role are copied."""
    regime: Regime = "seen"
    """Decides how missing splits are made, and what given ones must fit."""
    known_splits: KnownSplits = field(default_factory=KnownSplits, repr=False)
    """Splits of earlier readings in this regime, which are kept."""


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


@dataclass(frozen=True, slots=True)
class SourceImages:
    """A collection as read for a scenario."""

    root: Path
    """Its folder, resolved."""
    items: tuple[ScenarioItem, ...]
    """The usable images, in an order that file names do not change."""
    notes: tuple[str, ...]
    """A sentence for each thing that was left out or decided."""


def read_scenario_source(source: ScenarioSource, progress: Progress, *, split: bool = True) -> SourceImages:
    """Inspect all files of a collection; with `split`, make missing splits and check that given ones fit the regime.

    Raises:
        SetupError: There is no such folder, or too few files in it are usable.
    """
    inspected = inspect_collection(source.folder, source.options, progress)
    assigned = assign_splits(inspected.images, source.regime, source.known_splits) if split else None
    pairs = assigned.files if assigned else tuple((photo, photo.entry.split) for photo in inspected.images)
    chosen = _list_copied_columns(inspected, source.options)
    items = [ScenarioItem(_select_columns(photo, chosen), its_split) for photo, its_split in pairs]
    left_out = summarize_files(inspected.files, inspected.problems)
    notes = [left_out, *inspected.notes, *(assigned.notes if assigned else ())]
    in_order = sorted(items, key=lambda item: (item.label, item.photo.id))
    return SourceImages(inspected.root, tuple(in_order), tuple(filter(None, notes)))


def list_classes(items: Sequence[ScenarioItem], split: Split | None = None) -> list[str]:
    """Return the class names of one split, or of all, sorted; numbers in them by value."""
    return sorted({item.label for item in items if split in (None, item.split)}, key=natural_key)


def to_imported_photo(item: ScenarioItem, under: str = "", **facets: str) -> ImportedPhoto:
    """Return an image to write: the same file, at the same path below `under`."""
    entry = item.photo.entry
    return ImportedPhoto(
        under + entry.name, entry.path, entry.label, item.split, entry.role, {**entry.columns, **facets}
    )


def mark_synthetic(photo: ImportedPhoto) -> ImportedPhoto:
    """Mark a training image as synthetic: trainings weight it separately, and it is in no gallery."""
    return replace(photo, role="train", facets={**photo.facets, ORIGIN: SYNTHETIC})


def image_origin(item: ScenarioItem) -> str:
    """Return `synthetic` for an image that an earlier merge marked so, else `real`."""
    return SYNTHETIC if item.photo.entry.columns.get(ORIGIN) == SYNTHETIC else REAL_ORIGIN


def check_origins(items: Sequence[ScenarioItem]) -> None:
    """Refuse a column `origin` with another meaning, which marking synthetic images would overwrite."""
    others = sorted({item.photo.entry.columns.get(ORIGIN, REAL_ORIGIN) for item in items} - {REAL_ORIGIN, SYNTHETIC})
    if others:
        raise SetupError(
            f"the collection has a column {ORIGIN!r} of its own ({others[0]!r} ...), but synthetic images are "
            "marked in a column of that name; rename it in the metadata"
        )


def _list_copied_columns(inspected: InspectedCollection, options: ReadOptions) -> frozenset[str]:
    if options.facets is None:
        return frozenset(inspected.listing.columns)
    if unknown := [name for name in options.facets if name not in inspected.listing.columns]:
        known = ", ".join(map(repr, inspected.listing.columns)) or "none"
        raise SetupError(f"--facets names an unknown column {unknown[0]!r}; columns: {known}")
    return frozenset(options.facets) | {ORIGIN}


def _select_columns(photo: InspectedFile, chosen: frozenset[str]) -> InspectedFile:
    columns = {name: value for name, value in photo.entry.columns.items() if name in chosen}
    return replace(photo, entry=replace(photo.entry, columns=columns))
