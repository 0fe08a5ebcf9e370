"""The collection that a scenario starts from: every usable image, test images included, since they are copied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress
from atlantis_core.base.text import shown
from atlantis_core.data.facets import MADE, ORIGIN
from atlantis_core.data.inspection import Inspected, summary
from atlantis_core.data.reading import Looked, ReadOptions, look_at
from atlantis_core.data.split_assignment import MadeBefore, assign_splits
from atlantis_core.importing.plans import Photo
from atlantis_core.records import Regime
from atlantis_core.scenarios.scenario import Item

REAL = "real"
"""Value of the column `origin` of images that nobody made."""
TRAINED_ON = "made photos are trained on only (role train): real photos alone ask and are searched"


@dataclass(frozen=True, slots=True)
class Source:
    """A collection and how it is to be read."""

    folder: Path
    options: ReadOptions = field(default_factory=ReadOptions)
    """Choice of columns; of the others only label, split and role are copied where facets are chosen."""
    regime: Regime = "seen"
    """How missing splits are made, and what the given ones must fit."""
    known_splits: MadeBefore = field(default_factory=MadeBefore, repr=False)
    """What earlier readings made in this regime; it is kept."""


@dataclass(frozen=True, slots=True)
class Read:
    """A collection as read."""

    root: Path
    """Its folder, resolved."""
    items: tuple[Item, ...]
    """The usable images, in an order that file names do not change."""
    notes: tuple[str, ...]
    """What was left out or decided, a sentence each."""


def read_source(source: Source, progress: Progress, *, split: bool = True) -> Read:
    """Look at all files of a collection.

    Args:
        source: Where it is and how it is read.
        progress: Told how many images were looked at.
        split: Whether splits are made where none are given, and must fit the regime.

    Raises:
        SetupError: There is no such folder, or too little in it is of use.
    """
    looked = look_at(source.folder, source.options, progress)
    assigned = assign_splits(looked.images, source.regime, source.known_splits) if split else None
    pairs = assigned.photos if assigned else tuple((photo, photo.entry.split) for photo in looked.images)
    chosen = _chosen(looked, source.options)
    items = [Item(_with_columns(photo, chosen), its_split) for photo, its_split in pairs]
    notes = [summary(looked.problems), *(assigned.notes if assigned else ())]
    in_order = sorted(items, key=lambda item: (item.label, item.photo.id))
    return Read(looked.root, tuple(in_order), tuple(filter(None, notes)))


def outside(source: Path, folder: Path) -> Path:
    """Return the source's real folder, once it is sure that the new one is none inside of it.

    Raises:
        SetupError: There is no source, or the new folder is there or lies inside of it.
    """
    if not source.is_dir():
        raise SetupError(f"there is no folder {shown(str(source))!r}; check the path")
    root = source.resolve()
    if os.path.lexists(folder):
        raise SetupError(f"{shown(str(folder))!r} is there already; name a new folder, or remove it first")
    if Path(os.path.realpath(folder)).is_relative_to(root):
        raise SetupError(f"{shown(str(folder))!r} lies inside {shown(str(source))!r}; name a folder outside of it")
    return root


def photo_of(item: Item, under: str = "", **facets: str) -> Photo:
    """Return an image as it is written: the same file, in the same place below `under`."""
    entry = item.photo.entry
    return Photo(under + entry.name, entry.path, entry.label, item.split, entry.role, {**entry.columns, **facets})


def as_made(photo: Photo) -> Photo:
    """Mark a training photo as made: trainings weigh it apart, and it is not searched as real photos are."""
    return replace(photo, role="train", facets={**photo.facets, ORIGIN: MADE})


def origin_of(item: Item) -> str:
    """Return `synthetic` for an image that an earlier merging marked so, else `real`."""
    return MADE if item.photo.entry.columns.get(ORIGIN) == MADE else REAL


def check_origins(items: Sequence[Item]) -> None:
    """Refuse a column `origin` that means something else: marking made images in it would lose it.

    Raises:
        SetupError: There is one.
    """
    others = sorted({item.photo.entry.columns.get(ORIGIN, REAL) for item in items} - {REAL, MADE})
    if others:
        raise SetupError(
            f"the collection has a column {ORIGIN!r} of its own ({others[0]!r} ...), and made images are marked in a "
            "column of that name; rename it in the metadata"
        )


def _chosen(looked: Looked, options: ReadOptions) -> frozenset[str]:
    """Return the columns that are copied."""
    if options.facets is None:
        return frozenset(looked.listing.columns)
    if unknown := [name for name in options.facets if name not in looked.listing.columns]:
        known = ", ".join(map(repr, looked.listing.columns)) or "none"
        raise SetupError(f"facets name {unknown[0]!r}, which is no column; columns: {known}")
    return frozenset(options.facets) | {ORIGIN}


def _with_columns(photo: Inspected, chosen: frozenset[str]) -> Inspected:
    columns = {name: value for name, value in photo.entry.columns.items() if name in chosen}
    return replace(photo, entry=replace(photo.entry, columns=columns))
