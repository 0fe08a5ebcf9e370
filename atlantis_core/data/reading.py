"""Reading a labelled collection from a folder: list, look, split, find facets, seal the test images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.entries import Listing
from atlantis_core.data.facets import ORIGIN, SYNTHETIC, choose_facets
from atlantis_core.data.folders import has_class_folders, read_folders, split_folders
from atlantis_core.data.inspection import InspectedFile, excluded_files, inspect_files, summarize_problems
from atlantis_core.data.metadata import find_metadata, read_metadata
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.data.split_assignment import AssignedSplits, KnownSplits, SplitOrigin, assign_splits
from atlantis_core.records import Collection, LabelledImage, Problem, Regime, Split

_SPLIT_ORDER: Mapping[Split, int] = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Which metadata columns mean what, where their names do not say it."""

    label: str | None = None
    """Column with the class name; None looks for `label`, `class`, `class_name`."""
    split: str | None = None
    """Column with the split; None looks for `split`."""
    facets: tuple[str, ...] | None = None
    """Columns to take as facets; None takes all that can be."""
    kept: tuple[str, ...] = ()
    """Columns whose values images keep though they are no facets, because somebody asks by them."""

    def keeping(self, columns: Iterable[str]) -> ReadOptions:
        """Return the same choice, in which images keep the values of these columns too."""
        return replace(self, kept=tuple(dict.fromkeys((*self.kept, *columns))))


@dataclass(frozen=True, slots=True)
class LoadedCollection:
    """A collection as read, with its test images under seal."""

    collection: Collection
    sealed: SealedSplit
    fingerprints: Mapping[str, bytes] = field(repr=False)
    """Image id -> fingerprint (see `perceptual`) of the training and validation images."""
    notes: tuple[str, ...]
    """What was decided here and a person should hear, a sentence each."""
    made: SplitOrigin | None = None
    """How its splits came about where they are not given; not kept, since a reading alone writes splits down."""


@dataclass(frozen=True, slots=True)
class InspectedCollection:
    """A collection's files after a look at each."""

    root: Path
    """The folder, resolved."""
    listing: Listing
    images: tuple[InspectedFile, ...]
    """Those that are of use."""
    problems: tuple[Problem, ...]
    """What is wrong with the others, by path."""


def read_collection(
    folder: str | Path,
    options: ReadOptions | None = None,
    regime: Regime = "seen",
    progress: Progress = no_progress,
    known_splits: KnownSplits | None = None,
) -> LoadedCollection:
    """Read a folder of class folders, or a folder with a metadata file.

    Files that cannot be used are named in `Collection.problems` and left out.

    Args:
        folder: The collection's folder.
        options: Choice of columns.
        regime: Decides how missing splits are made: within classes (`seen`) or by class (`unseen`).
        progress: Told how many images were looked at.
        known_splits: What earlier readings made in this regime; it is kept.

    Raises:
        SetupError: There is no such folder, or too little in it is of use; the message says what and why.
    """
    options = options or ReadOptions()
    looked = inspect_collection(folder, options, progress)
    assigned = assign_splits(looked.images, regime, known_splits or KnownSplits())
    return _assemble(looked.root, options, looked.listing, assigned, looked.problems)


def inspect_collection(
    folder: str | Path, options: ReadOptions, progress: Progress = no_progress
) -> InspectedCollection:
    """Look at every file of a collection, before splits and facets.

    Args:
        folder: The collection's folder.
        options: Choice of columns.
        progress: Told how many images were looked at.

    Raises:
        SetupError: There is no such folder, or too little in it is of use.
    """
    root = resolve_folder(Path(folder))
    listing = list_files(root, options)
    images, found = inspect_files(listing.entries, progress)
    problems = tuple(sorted((*listing.problems, *found), key=lambda problem: problem.path))
    _check_enough(root, listing, images, problems)
    return InspectedCollection(root, listing, images, problems)


def resolve_folder(folder: Path) -> Path:
    """Return a collection's folder, resolved.

    Raises:
        SetupError: It is not there, or a file.
    """
    if not folder.exists():
        raise SetupError(f"there is no folder {to_printable(str(folder))!r}; check the path")
    if not folder.is_dir():
        raise SetupError(
            f"{to_printable(str(folder))!r} is a file, not a folder of images; name the folder it lies in"
        )
    return folder.resolve()


def list_files(root: Path, options: ReadOptions) -> Listing:
    """List the collection's files from its metadata file, those of its split folders, or its folders.

    Args:
        root: The collection's folder, resolved.
        options: Choice of columns.

    Raises:
        SetupError: It holds neither, or a column that is needed or asked for is missing.
    """
    if file := find_metadata(root):
        return read_metadata(root, file, options.label, options.split)
    splits = split_folders(root)
    files = {folder: file for folder in splits if (file := find_metadata(folder))}
    if files and len(files) == len(splits):
        return _join_messages(
            [
                read_metadata(root, file, options.label, options.split, splits[folder])
                for folder, file in files.items()
            ]
        )
    if files and not all(map(has_class_folders, splits)):
        lacking = next(folder.name for folder in splits if folder not in files)
        raise SetupError(
            f"the split folder {lacking!r} has no metadata file, and {next(iter(files)).name!r} has one; write one "
            f"with file_name,label, or take {lacking!r} out of {to_printable(str(root))!r}"
        )
    for option, value in (
        ("--label", options.label),
        ("--split-column", options.split),
        ("--facets", options.facets),
    ):
        if value is not None:
            raise SetupError(f"{option} names a column, but {to_printable(str(root))!r} has no metadata file")
    return read_folders(root)


def _join_messages(parts: Sequence[Listing]) -> Listing:
    return Listing(
        tuple(entry for part in parts for entry in part.entries),
        tuple(dict.fromkeys(column for part in parts for column in part.columns)),
        tuple(problem for part in parts for problem in part.problems),
        " and ".join(part.source for part in parts),
    )


def _check_enough(root: Path, listing: Listing, images: Sequence[InspectedFile], problems: Sequence[Problem]) -> None:
    """Refuse what no retriever can be trained or tested on."""
    where = f"{to_printable(str(root))!r} ({listing.source})"
    lost = excluded_files(problems)
    why = summarize_problems(lost).partition(" (atlantis")[0]
    because = f": {why}, the first {lost[0].path!r}" if lost else ""
    if not images:
        raise SetupError(f"no image of {where} is of use{because}; mend or replace the files")
    counts = Counter(image.entry.label for image in images)
    if len(counts) == 1:
        label = next(iter(counts))
        raise SetupError(
            f"{where} has one class only, {label!r}{because}; retrieval needs at least two "
            "(if the classes are folders inside that one, name it instead)"
        )
    if max(counts.values()) < 2:
        raise SetupError(f"no class of {where} has two images left{because}; a query needs a partner to find")


def _assemble(
    root: Path, options: ReadOptions, listing: Listing, assigned: AssignedSplits, problems: tuple[Problem, ...]
) -> LoadedCollection:
    open_photos = [photo for photo, split in assigned.photos if split != "test"]
    columns = {name: [photo.entry.columns.get(name, "") for photo in open_photos] for name in listing.columns}
    choice = choose_facets([photo.entry.label for photo in open_photos], columns, options.facets)
    in_order = sorted(assigned.photos, key=_fixed_order)
    kept = (*choice.facets, *options.kept)
    images = [_to_labelled_image(photo, split, kept) for photo, split in in_order]
    tests = [(image, photo) for image, (photo, split) in zip(images, in_order, strict=True) if split == "test"]
    collection = Collection(
        name=clean_text(to_printable(root.name), LONGEST_LABEL),
        root=str(root),
        images=tuple(image for image in images if image.split != "test"),
        facets=choice.facets,
        not_facets=choice.not_facets,
        problems=problems,
        splits_given=assigned.made is None,
        num_test=len(tests),
    )
    sealed = SealedSplit([image for image, _ in tests], [photo.fingerprint for _, photo in tests])
    fingerprints = {photo.id: photo.fingerprint for photo in open_photos}
    return LoadedCollection(collection, sealed, fingerprints, assigned.notes, assigned.made)


def _fixed_order(photo_and_split: tuple[InspectedFile, Split]) -> tuple[int, str, str]:
    """Sort by split, class and content, so that file names and listing order change nothing."""
    photo, split = photo_and_split
    return _SPLIT_ORDER[split], photo.entry.label, photo.id


def _to_labelled_image(photo: InspectedFile, split: Split, kept: Sequence[str]) -> LabelledImage:
    entry = photo.entry
    values = {name: entry.columns[name] for name in kept if name in entry.columns}
    if entry.columns.get(ORIGIN) == SYNTHETIC:
        values[ORIGIN] = SYNTHETIC  # no facet to find gaps by, but trainings ask for it
    return LabelledImage(photo.id, str(entry.path), entry.label, split, entry.role, values)
