"""Reading a folder of class folders, with or without split folders above them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.entries import (
    OTHER_FILE,
    Entry,
    Listing,
    looks_like_split,
    parse_split,
    problem_kind,
    why_outside,
)
from atlantis_core.data.folder_tree import FolderTree
from atlantis_core.data.label_checks import Spelling, describe_labels
from atlantis_core.data.leftovers import Layout, add_leftovers
from atlantis_core.data.metadata_files import describe_tables, find_metadata
from atlantis_core.data.number_columns import NumberRule, choose_number_rule, describe_rules
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
    folders, rule = _spell_numbers(list(_class_folders(tree, splits)))
    read = [_read_file(tree, folder, name) for folder in folders for name in folder.files]
    problems = [found for found in read if isinstance(found, Problem)]
    problems += [
        Problem(to_printable(folder.name), "empty class: its folder contains no files")
        for folder in folders
        if not folder.files and folder.real not in tree.links and folder.real not in tree.unread
    ]
    spellings = (Spelling(folder.title, folder.label, folder.split) for folder in folders for _ in folder.files)
    entries = tuple(found for found in read if isinstance(found, Entry))
    notes = [*_describe_classes(tree, folders), *describe_rules(rule), *describe_labels(spellings)]
    notes += describe_tables(tree.files_below(""))
    followed = {name for folder in folders if folder.real != folder.name for name in (folder.name, folder.above)}
    layout = Layout(_describe_loose, unread=_folders_beside(tree, splits), followed=followed)
    listing = add_leftovers(tree, Listing(entries, (), tuple(problems), "class folders", tuple(notes)), layout)
    if not entries and {problem_kind(problem) for problem in listing.problems} <= _NO_CLASSES:
        raise SetupError(_no_classes_error(tree, splits))
    return listing


@dataclass(frozen=True, slots=True)
class _ClassFolder:
    """A folder whose files are the images of a class."""

    name: str
    real: str
    """The folder that its files are in; another one behind a link."""
    split: Split | None
    files: tuple[str, ...]
    title: str
    """Its last name, with a number in the one spelling; empty for a missing one."""

    @property
    def above(self) -> str:
        return self.name.rpartition("/")[0]

    @property
    def label(self) -> str:
        return clean_text(self.title, LONGEST_LABEL)


def _read_file(tree: FolderTree, folder: _ClassFolder, name: str) -> Entry | Problem:
    reason = why_outside(tree.root, name, follow=tree.files.get(name, True))
    if not reason and not folder.label:
        reason = "no label: the folder name has no printable characters, or is 'nan' among numbers"
    return (
        Problem(to_printable(name), reason) if reason else Entry(tree.root / name, name, folder.label, folder.split)
    )


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
    """Refuse folders named as splits, or almost so, that would be read as classes."""
    if splits:
        return
    _check_split_names(tree)
    named = [folder for folder in tree.subfolders[""] if parse_split(folder)]
    if len(named) < min(2, len(tree.subfolders[""])):
        return
    if loose := [folder for folder in named if tree.has_files(folder) and not has_class_folders(tree, folder)]:
        raise SetupError(
            f"the split folder {loose[0]!r} of {to_printable(str(tree.root))!r} has photos and no class folders; "
            f"put the photos of each class into a folder of its own ({loose[0]}/CLASS/x.jpg), or write a "
            "metadata.csv with file_name,label,split"
        )


def _check_split_names(tree: FolderTree) -> None:
    """Refuse folders that are all called like splits (`train2017` beside `val2017`), but not by names of splits."""
    folders = tree.subfolders[""]
    odd = [folder for folder in folders if not parse_split(folder)]
    is_like_splits = len(folders) > 1 and all(map(looks_like_split, folders))
    if odd and is_like_splits and any("train" in folder.lower() for folder in folders):
        raise SetupError(
            f"the folders {', '.join(repr(to_printable(folder)) for folder in folders[:3])} of "
            f"{to_printable(str(tree.root))!r} are called like splits, not like classes; rename them to train, "
            "validation and test (or list the photos of classes that are called so in a metadata.csv with "
            "file_name,label)"
        )


def _class_folders(tree: FolderTree, splits: Mapping[str, Split]) -> Iterator[_ClassFolder]:
    """Yield the class folders; links to folders are followed where the files that they lead to are not read."""
    for above in splits or ("",):
        for name in _subfolders(tree, above):
            real = _real_folder(tree, name)
            if real == name or (splits and real.partition("/")[0] not in splits):
                files = tuple(name + file.removeprefix(real) for file in tree.files_below(real))
                yield _ClassFolder(name, real, splits.get(above), files, to_printable(name.rpartition("/")[2]))


def _spell_numbers(folders: Sequence[_ClassFolder]) -> tuple[list[_ClassFolder], dict[str, NumberRule]]:
    """Give names that are numbers one spelling, as in a column of labels; also return the rule if it changes any."""
    rule = choose_number_rule(folder.title for folder in folders)
    spelled = [replace(folder, title=rule.spelled.get(folder.title, folder.title)) for folder in folders]
    return spelled, {"the class folders": rule} if rule.spelled else {}


def _subfolders(tree: FolderTree, folder: str) -> list[str]:
    if not folder:
        return list(tree.subfolders[""])
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


def _describe_classes(tree: FolderTree, folders: Sequence[_ClassFolder]) -> list[str]:
    """Return sentences on folders that may not be the classes that they are read as."""
    named = [folder for folder in folders if parse_split(folder.title)]
    notes = [f"the folder {folder.name!r} is read as a class, because {_why_class(tree, folder)}" for folder in named]
    notes += _describe_classes_below(folders)
    filled = [folder for folder in folders if folder.files]
    if filled and not any(tree.has_files(folder.real) for folder in filled):
        below = [to_printable(name.rpartition("/")[2]) for name in tree.subfolders.get(filled[0].real, ())]
        is_split_below = any(map(parse_split, below))
        notes.append(
            f"{', '.join(map(repr, below[:3]))} in {filled[0].title!r} and other class folders are not read as "
            "splits; for that, put the class folders into them (train/CLASS/x.jpg)"
            if is_split_below
            else f"no photo is directly in a class folder: {filled[0].title!r} is one class with the subfolders "
            f"{', '.join(map(repr, below[:3]))}; if those are the classes, move them up"
        )
    return notes


def _why_class(tree: FolderTree, folder: _ClassFolder) -> str:
    if folder.above:
        return f"it is in the split folder {folder.above!r}"
    return "photos are directly in it" if tree.has_files(folder.real) else "class folders are beside it"


def _describe_classes_below(folders: Sequence[_ClassFolder]) -> list[str]:
    """Return a sentence on subfolders of a class that are called as another class, if there are any."""
    titles = {folder.title for folder in folders}
    below = {
        f"{folder.name}/{above}": folder.title
        for folder in folders
        for file in folder.files
        if (above := file.removeprefix(folder.name + "/").rpartition("/")[0])
        and any(name in titles and name != folder.title for name in above.split("/"))
    }
    if not below:
        return []
    first, title = next(iter(below.items()))
    return [
        f"{count_noun(len(below), 'subfolder')} of a class called as another class, the first "
        f"{to_printable(first)!r}: its photos are read as {title!r}; move them if that is wrong"
    ]


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
    if any(find_metadata(tree.root / folder) for folder in ("", *splits)):
        return f"{where!r} has no class folders: metadata files list its images; import it as 'hf'"
    return (
        f"{where!r} has no classes: no class folders with files and no metadata.csv ({found}); "
        "put the images of each class into a folder of its own, or write a metadata.csv with file_name,label"
    )
