"""Reading a folder of class folders, with or without split folders above them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.entries import OTHER_FILE, Entry, Listing, parse_split, problem_kind, why_outside
from atlantis_core.data.folder_tree import FolderTree
from atlantis_core.data.label_checks import Spelling, describe_labels
from atlantis_core.data.leftovers import Layout, add_leftovers
from atlantis_core.data.metadata import find_metadata
from atlantis_core.records import Problem, Split

_NO_CLASSES = frozenset({"empty class", "loose file", OTHER_FILE})
"""Kinds of problems of a folder that has no classes at all."""


def read_folders(tree: FolderTree) -> Listing:
    """List the files of class folders (`<class>/x.jpg`) or of split folders (`train/<class>/x.jpg`).

    Subfolders of a class belong to it. Folders named train, val, valid, validation, dev or test are split folders if
    they contain classes and one of them is `train`, or if there are no others.

    Raises:
        SetupError: There are no class folders, or split folders contain photos and no classes.
    """
    splits = split_folders(tree)
    _check_classes_in(tree, splits)
    entries: list[Entry] = []
    problems: list[Problem] = []
    spellings: list[Spelling] = []
    followed: set[str] = set()
    for folder, real, split in _class_folders(tree, splits):
        title = to_printable(folder.rpartition("/")[2])
        label = clean_text(title, LONGEST_LABEL)
        names = [folder + name.removeprefix(real) for name in tree.files_below(real)]
        if not names and real not in tree.links and real not in tree.unread:
            problems.append(Problem(to_printable(folder), "empty class: its folder contains no files"))
        followed |= {folder, folder.rpartition("/")[0]} if real != folder else set()
        spellings += [Spelling(title, label, split)] * len(names)
        for name in names:
            if reason := why_outside(tree.root, name, follow=tree.files.get(name, True)):
                problems.append(Problem(to_printable(name), reason))
            elif label:
                entries.append(Entry(tree.root / name, name, label, split))
            else:
                problems.append(Problem(to_printable(name), "no label: the folder name has no printable characters"))
    listing = Listing(tuple(entries), (), tuple(problems), "class folders", tuple(describe_labels(spellings)))
    layout = Layout(_describe_loose, unread=_folders_beside(tree, splits), followed=followed)
    listing = add_leftovers(tree, listing, layout)
    if not entries and {problem_kind(problem) for problem in listing.problems} <= _NO_CLASSES:
        raise SetupError(_no_classes_error(tree, splits))
    return listing


def split_folders(tree: FolderTree) -> dict[str, Split]:
    """Return the split folders directly in the root; empty if its folders are classes."""
    folders = tree.subfolders[""]
    splits = {folder: split for folder in folders if (split := parse_split(folder))}
    # A class folder contains images; a split folder contains classes or a metadata file.
    filled = {folder for folder in splits if has_class_folders(tree, folder) or find_metadata(tree.root / folder)}
    has_train = any(splits[folder] == "train" for folder in filled)
    only_splits = bool(filled) and len(splits) == len(folders)
    if not (has_train or only_splits):
        return {}
    return {} if len(splits) == 1 and _is_class_among_classes(tree, next(iter(splits))) else splits


def has_class_folders(tree: FolderTree, folder: str) -> bool:
    """Whether a split folder contains class folders."""
    return bool(_subfolders(tree, folder))


def _is_class_among_classes(tree: FolderTree, folder: str) -> bool:
    """Whether a single folder with a split's name is a class: photos are in it, as in the folders beside it."""
    others = [beside for beside in tree.subfolders[""] if beside != folder]
    return tree.has_files(folder) and bool(others) and all(map(tree.has_files, others))


def _check_classes_in(tree: FolderTree, splits: Mapping[str, Split]) -> None:
    """Refuse folders named as splits with photos and no class folders: they would be read as classes."""
    named = [folder for folder in tree.subfolders[""] if parse_split(folder)]
    if splits or len(named) < min(2, len(tree.subfolders[""])):
        return
    if loose := [folder for folder in named if tree.has_files(folder) and not has_class_folders(tree, folder)]:
        raise SetupError(
            f"the split folder {loose[0]!r} of {to_printable(str(tree.root))!r} has photos and no class folders; "
            f"put the photos of each class into a folder of its own ({loose[0]}/CLASS/x.jpg), or write a "
            "metadata.csv with file_name,label,split"
        )


def _class_folders(tree: FolderTree, splits: Mapping[str, Split]) -> Iterator[tuple[str, str, Split | None]]:
    """Yield the class folders, the folders that their files are in (others behind links), and their splits."""
    for folder in tree.subfolders[""]:
        if folder in splits:
            for class_folder in _subfolders(tree, folder):
                if (real := _real_folder(tree, class_folder)) == class_folder or real.partition("/")[0] not in splits:
                    yield class_folder, real, splits[folder]
        elif not splits and folder not in tree.links:
            yield folder, folder, None


def _subfolders(tree: FolderTree, folder: str) -> list[str]:
    real = _real_folder(tree, folder)
    return [f"{folder}/{name.rpartition('/')[2]}" for name in tree.subfolders.get(real, ())]


def _real_folder(tree: FolderTree, folder: str) -> str:
    """Return the folder that a name stands for, if it or the folder above it is a link."""
    above, _, last = folder.rpartition("/")
    if above in tree.targets:
        return f"{tree.targets[above]}/{last}"
    return tree.targets.get(folder, folder)


def _folders_beside(tree: FolderTree, splits: Mapping[str, Split]) -> dict[str, str]:
    """Return the folders beside split folders, which are not read, with the reason."""
    why = "not read: not one of the split folders beside it"
    return {folder: why for folder in tree.subfolders[""] if splits and folder not in splits}


def _describe_loose(name: str) -> str:
    above = name.rpartition("/")[0]
    where = f"it is in the split folder {above!r}, not in a class folder" if above else "it is in no class folder"
    return f"loose file: {to_printable(where)}"


def _no_classes_error(tree: FolderTree, splits: Mapping[str, Split]) -> str:
    where = to_printable(str(tree.root))
    loose = sum("/" not in name for name in tree.files_below(""))
    found = "its folders contain no files" if tree.subfolders[""] else "it is empty"
    if loose:
        found = f"{count_noun(loose, 'file')} directly in it"
    if any(find_metadata(tree.root / folder) for folder in splits):
        return f"{where!r} has no class folders: metadata files list its images; import it as 'hf'"
    return (
        f"{where!r} has no classes: no class folders with files and no metadata.csv ({found}); "
        "put the images of each class into a folder of its own, or write a metadata.csv with file_name,label"
    )
