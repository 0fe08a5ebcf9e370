"""Reading a labelled collection from a folder: list, inspect, split, choose facets, seal the test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.entries import OTHER_FILE, Listing, problem_kind
from atlantis_core.data.facets import ORIGIN, SYNTHETIC, choose_facets
from atlantis_core.data.file_listing import ReadOptions, list_files, resolve_folder
from atlantis_core.data.inspection import (
    InspectedFile,
    count_kinds,
    excluded_files,
    inspect_files,
    summarize_problems,
)
from atlantis_core.data.leftovers import count_files, describe_left_out, summarize_files
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.data.split_assignment import AssignedSplits, KnownSplits, SplitOrigin, assign_splits
from atlantis_core.data.tasks import check_test_images
from atlantis_core.records import Collection, FileCount, LabelledImage, Problem, Regime, Split
from atlantis_core.records.natural_order import natural_key

_SPLIT_ORDER: Mapping[Split, int] = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True, slots=True)
class LoadedCollection:
    """A collection as read, with its sealed test split."""

    collection: Collection
    sealed: SealedSplit
    fingerprints: Mapping[str, bytes] = field(repr=False)
    """Image id -> fingerprint (see `near_duplicates`) of the training and validation images."""
    notes: tuple[str, ...]
    """Decisions that a person should know, a sentence each."""
    made: SplitOrigin | None = None
    """How its splits were made; None if they are given, or if the collection comes from the store."""


@dataclass(frozen=True, slots=True)
class InspectedCollection:
    """A collection's files after inspection."""

    root: Path
    """The folder, resolved."""
    listing: Listing
    images: tuple[InspectedFile, ...]
    """The usable ones."""
    problems: tuple[Problem, ...]
    """Problems of the others, sorted by path."""
    files: FileCount
    """What became of the files of the folder."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about files, labels and columns, a sentence each."""
        used = {image.entry.label for image in self.images}
        lost = sorted({entry.label for entry in self.listing.entries} - used, key=natural_key)
        without = [f"classes without a usable image: {', '.join(map(repr, lost[:5]))}{' ...' * (len(lost) > 5)}"]
        return (
            *self.listing.notes,
            *(without if lost else []),
            *self._note_lost_splits(),
            *self._note_more_frames(),
        )

    def _note_lost_splits(self) -> list[str]:
        given = {entry.split for entry in self.listing.entries} - {image.entry.split for image in self.images}
        named = sorted(split for split in given if split)
        if not named:
            return []
        of_split = {entry.name: entry.split for entry in self.listing.entries}
        lost = [problem for problem in excluded_files(self.problems) if of_split.get(problem.path) in named]
        why = (
            count_kinds(Counter(problem_kind(problem) for problem in lost)) or "earlier rows of the same files count"
        )
        return [f"no photo of the given split {' and '.join(named)} can be used ({why}), so it counts as not given"]

    def _note_more_frames(self) -> list[str]:
        several = [image.entry.name for image in self.images if image.has_more_frames]
        if not several:
            return []
        found = f"{count_noun(len(several), 'file')} with several frames or pages, the first {several[0]!r}"
        return [f"{found}: only the first of each is used"]


def read_collection(
    folder: str | Path,
    options: ReadOptions | None = None,
    regime: Regime = "seen",
    progress: Progress = no_progress,
    known_splits: KnownSplits | None = None,
    *,
    needs_queries: bool = True,
) -> LoadedCollection:
    """Read a folder of class folders, or a folder with a metadata file.

    Unusable files are left out and listed in `Collection.problems`.

    Missing splits are made within classes (`seen`) or by class (`unseen`); `known_splits`, made earlier in this
    regime, are kept. Without `needs_queries`, images that are only searched are enough: of one class, or one a class.

    Raises:
        SetupError: The folder does not exist, or has too few usable images.
    """
    options = options or ReadOptions()
    inspected = inspect_collection(folder, options, progress, needs_queries=needs_queries)
    if needs_queries:
        _check_training(inspected)
    known = known_splits or KnownSplits()
    assigned = assign_splits(inspected.images, regime, known, needs_queries=needs_queries)
    loaded = _assemble(inspected, options, assigned)
    return replace(loaded, notes=(*loaded.notes, *(_note_wasted_test(loaded, regime) if needs_queries else ())))


def _check_training(inspected: InspectedCollection) -> None:
    """Say which training images are left out and why, if all of them are."""
    splits = {image.entry.split for image in inspected.images} - {None}
    if splits and "train" not in splits and inspected.problems:
        lost = inspected.problems[0]
        found = " and ".join(sorted(map(str, splits)))
        raise SetupError(
            f"no usable image is in the training split (only in {found}): "
            f"{describe_left_out(inspected.files)}, the first {lost.path!r} ({lost.problem}); mark some as train"
        )


def _note_wasted_test(loaded: LoadedCollection, regime: Regime) -> list[str]:
    """Say why a test split, if there is one, could not be tested: now, and not after days of training."""
    try:
        loaded.sealed.check(lambda images: check_test_images(loaded.collection, images, regime) if images else None)
    except SetupError as error:
        return [f"`atlantis test` will not open this test split: {error}."]
    return []


def inspect_collection(
    folder: str | Path, options: ReadOptions, progress: Progress = no_progress, *, needs_queries: bool = True
) -> InspectedCollection:
    """Inspect every file of a collection, before splits and facets.

    Raises:
        SetupError: The folder does not exist, or has too few usable images.
    """
    root = resolve_folder(Path(folder))
    listing = list_files(root, options)
    images, found = inspect_files(listing.entries, progress)
    problems = tuple(sorted((*listing.problems, *found), key=lambda problem: problem.path))
    files = count_files(listing, {image.entry.name for image in images}, problems)
    _check_enough(root, listing, images, problems, files, needs_queries=needs_queries)
    return InspectedCollection(root, listing, images, problems, files)


def _check_enough(
    root: Path,
    listing: Listing,
    images: Sequence[InspectedFile],
    problems: Sequence[Problem],
    files: FileCount,
    *,
    needs_queries: bool,
) -> None:
    """Refuse a collection on which no retriever can be trained or tested; without queries only an empty one."""
    where = f"{to_printable(str(root))!r} ({listing.source})"
    lost = [problem for problem in excluded_files(problems) if problem_kind(problem) != OTHER_FILE]
    lost.sort(key=lambda problem: problem_kind(problem) == "not listed")  # the rows say why a photo is not listed
    because = f": {describe_left_out(files)}, the first {lost[0].path!r} ({lost[0].problem})" if lost else ""
    if not images:
        raise SetupError(f"no image of {where} is usable{because}; repair or replace the files")
    if not needs_queries:
        return
    counts = Counter(image.entry.label for image in images)
    if len(counts) == 1:
        label = next(iter(counts))
        hint = " (if its subfolders are the classes, name that folder instead)"
        needed = f"retrieval needs at least two{hint if listing.source == 'class folders' else ''}"
        raise SetupError(f"{where} has only one class, {label!r}{because}; {needed}")
    if max(counts.values()) < 2:
        raise SetupError(f"no class of {where} has two usable images{because}; a query needs a positive to find")


def summarize_reading(collection: Collection) -> str:
    """Return in one line what is left out of a collection, empty if nothing is."""
    if collection.files is None:
        return summarize_problems(collection.problems)
    return summarize_files(collection.files, collection.problems)


def count_left_out(collection: Collection) -> int:
    """Return how many files of a collection's folder are not used, without those that are not photos by name."""
    if collection.files is None:
        return len(excluded_files(collection.problems))
    return sum(count for kind, count in collection.files.left_out.items() if kind != OTHER_FILE)


def _assemble(inspected: InspectedCollection, options: ReadOptions, assigned: AssignedSplits) -> LoadedCollection:
    open_files = [file for file, split in assigned.files if split != "test"]
    columns = {name: [file.entry.columns.get(name, "") for file in open_files] for name in inspected.listing.columns}
    choice = choose_facets([file.entry.label for file in open_files], columns, options.facets)
    # By split, class and content, so that file names and listing order have no effect.
    in_order = sorted(assigned.files, key=lambda pair: (_SPLIT_ORDER[pair[1]], pair[0].entry.label, pair[0].id))
    kept = (*choice.facets, *options.kept)
    images = [_to_labelled_image(file, split, kept) for file, split in in_order]
    tests = [(image, file) for image, (file, split) in zip(images, in_order, strict=True) if split == "test"]
    collection = Collection(
        name=clean_text(to_printable(inspected.root.name), LONGEST_LABEL),
        root=str(inspected.root),
        images=tuple(image for image in images if image.split != "test"),
        facets=choice.facets,
        not_facets=choice.not_facets,
        problems=inspected.problems,
        splits_given=assigned.made is None,
        num_test=len(tests),
        files=inspected.files,
    )
    sealed = SealedSplit([image for image, _ in tests], [file.fingerprint for _, file in tests])
    fingerprints = {file.id: file.fingerprint for file in open_files}
    notes = (*assigned.notes, *inspected.notes)
    return LoadedCollection(collection, sealed, fingerprints, notes, assigned.made)


def _to_labelled_image(file: InspectedFile, split: Split, kept: Sequence[str]) -> LabelledImage:
    entry = file.entry
    values = {name: entry.columns[name] for name in kept if name in entry.columns}
    if entry.columns.get(ORIGIN) == SYNTHETIC:
        values[ORIGIN] = SYNTHETIC  # not a facet, but training needs it
    return LabelledImage(file.id, str(entry.path), entry.label, split, entry.role, values)
