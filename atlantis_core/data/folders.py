"""Reading a folder of class folders, with or without split folders above them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.entries import Entry, Listing, parse_split, why_outside
from atlantis_core.data.inspection import USUAL_SUFFIXES
from atlantis_core.data.metadata import find_metadata
from atlantis_core.records import Problem, Split

# Left behind by file managers and archivers; ignored without a message.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def read_folders(root: Path) -> Listing:
    """List the files of class folders (`<class>/x.jpg`) or of split folders (`train/<class>/x.jpg`).

    Subfolders of a class belong to it. Folders named train, val, valid, validation, dev or test are split folders
    if one of them is `train`, or if there are no others.

    Raises:
        SetupError: The folder `root` contains no class folders.
    """
    entries: list[Entry] = []
    problems: list[Problem] = []
    for folder, split in _class_folders(root, problems):
        label = clean_text(to_printable(folder.name), LONGEST_LABEL)
        for path in _files_below(folder, root, problems):
            name = path.relative_to(root).as_posix()
            if reason := why_outside(root, name):
                problems.append(Problem(to_printable(name), reason))
            elif label:
                entries.append(Entry(path, name, label, split))
            else:
                problems.append(Problem(to_printable(name), "no label: the folder name has no printable characters"))
    if not entries and not problems:
        raise SetupError(_no_classes_error(root))
    return Listing(tuple(entries), (), tuple(problems), "class folders")


def split_folders(root: Path) -> dict[Path, Split]:
    """Return the split folders directly in `root`; empty if its folders are classes."""
    folders = _folders_in(root)
    splits = {folder: split for folder in folders if (split := parse_split(folder.name))}
    # A class folder contains images; a split folder contains classes or a metadata file.
    filled = {folder for folder in splits if has_class_folders(folder) or find_metadata(folder)}
    has_train = any(splits[folder] == "train" for folder in filled)
    only_splits = bool(filled) and len(splits) == len(folders)
    return splits if has_train or only_splits else {}


def has_class_folders(folder: Path) -> bool:
    """Whether a split folder contains class folders."""
    return bool(_folders_in(folder))


def _class_folders(root: Path, problems: list[Problem]) -> Iterator[tuple[Path, Split | None]]:
    splits = split_folders(root)
    for folder in (root, *splits):
        problems += _hidden_folders(_subfolders(folder), root)
    for folder in _folders_in(root):
        name = folder.relative_to(root).as_posix()
        if why_outside(root, name).startswith("outside"):
            problems.append(Problem(to_printable(name), "outside the folder: a link leads out of it"))
        elif not splits:
            yield folder, None
        elif folder in splits:
            for class_folder in _folders_in(folder):
                yield class_folder, splits[folder]
        else:
            problems.append(Problem(to_printable(name), "not read: not one of the split folders beside it"))


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in _subfolders(folder) if not _is_litter(path.name)]


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise SetupError(f"the folder {to_printable(str(folder))!r} cannot be opened: {error.strerror}") from error


def _files_below(folder: Path, root: Path, problems: list[Problem]) -> Iterator[Path]:
    """Yield the files of a class in sorted order; links to folders are not followed."""

    def note(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        problems.append(Problem(to_printable(name), f"unreadable: {error.strerror}"))

    for where, folders, files in os.walk(folder, onerror=note):
        problems += _hidden_folders((Path(where) / name for name in folders), root)
        folders[:] = sorted(name for name in folders if not _is_litter(name))
        for name in sorted(files):
            if not _is_litter(name):
                yield Path(where) / name


def _hidden_folders(folders: Iterable[Path], root: Path) -> Iterator[Problem]:
    """Yield a problem for each hidden folder with images, because its images are not read."""
    for folder in folders:
        name = folder.relative_to(root).as_posix()
        if folder.name.startswith(".") and not why_outside(root, name) and _contains_images(folder):
            yield Problem(
                to_printable(name), "hidden folder: its images are not read; rename it without the dot to use them"
            )


def _contains_images(folder: Path) -> bool:
    names = (name for _, _, files in os.walk(folder) for name in files if not _is_litter(name))
    return any(Path(name).suffix.lower() in USUAL_SUFFIXES for name in names)


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _no_classes_error(root: Path) -> str:
    loose = sum(path.is_file() and not _is_litter(path.name) for path in root.iterdir())
    found = "its folders contain no files" if _folders_in(root) else "it is empty"
    if loose:
        found = f"{count_noun(loose, 'file')} directly in it"
    if any(map(find_metadata, split_folders(root))):
        return f"{to_printable(str(root))!r} has no class folders: metadata files list its images; import it as 'hf'"
    return (
        f"{to_printable(str(root))!r} has no classes: no class folders with files and no metadata.csv ({found}); "
        "put the images of each class into a folder of its own, or write a metadata.csv with file_name,label"
    )
