"""Naming every file that no row and no class folder lists, so that found files = used + left out by reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import to_printable
from atlantis_core.data.entries import LISTED_TWICE, OTHER_FILE, Listing, problem_kind
from atlantis_core.data.folder_tree import HIDDEN_FILE, FolderTree, is_hidden
from atlantis_core.data.inspection import LEFT_OUT_HINT, USUAL_SUFFIXES, count_kinds, excluded_files
from atlantis_core.records import FileCount, Problem

_OTHER_SUFFIXES = frozenset(
    {".cfg", ".csv", ".db", ".htm", ".html", ".ini", ".ipynb", ".json", ".jsonl", ".lock", ".log", ".mat", ".md"}
    | {".npy", ".npz", ".parquet", ".pkl", ".py", ".rst", ".sh", ".toml", ".tsv", ".txt", ".xlsx", ".xml"}
    | {".yaml", ".yml"}
)
_OTHER_NAMES = frozenset({"authors", "changelog", "copying", "license", "licence", "makefile", "notice", "readme"})


@dataclass(frozen=True, slots=True)
class Layout:
    """How a folder was read: what it says about files that are not listed."""

    why: Callable[[str], str]
    """File name -> why it is not listed."""
    metadata: Collection[str] = ()
    """Names of the metadata files that were read."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Folder -> why it was not read."""
    followed: Collection[str] = ()
    """Links to folders that were followed."""


def add_leftovers(tree: FolderTree, listing: Listing, layout: Layout) -> Listing:
    """Return a listing with a problem for each file, folder and link that it does not list, and with all found files.

    One problem names a folder that is not read; its files are counted under it.
    """
    covers = {**tree.unread, **layout.unread}
    listed = {entry.name for entry in listing.entries}
    named = {problem.path for problem in listing.problems}
    found: dict[str, str] = {}
    problems = list(listing.problems)
    for name in tree.names:
        if name in layout.metadata:
            continue
        found[name] = ""
        if name in listed or (shown := to_printable(name)) in named:
            continue
        if cover := _cover(name, covers):
            found[name] = cover
        else:
            problems.append(Problem(shown, _why_left(tree, name, layout)))
    found |= {name: "" for name in listed if name not in found and _is_file(tree.root / name)}
    problems += _folder_problems(tree, layout, covers, set(found.values()), listed)
    return replace(listing, problems=tuple(problems), found=found)


def _is_file(path: Path) -> bool:
    """Whether something that is not a folder is there: also a pipe, or a link that leads nowhere."""
    return os.path.lexists(path) and not path.is_dir()


def count_files(listing: Listing, used: Collection[str], problems: Sequence[Problem]) -> FileCount:
    """Count the files of a folder: found = used + left out, by kind of problem; `used` are names of images."""
    kind_of = {problem.path: problem_kind(problem) for problem in excluded_files(problems)}
    left_out: Counter[str] = Counter()
    explained: set[str] = set()
    for name, cover in listing.found.items():
        if name not in used:
            path = to_printable(cover or name)
            left_out[kind_of[path]] += 1
            explained.add(path)
    others = Counter(kind for path, kind in kind_of.items() if path not in explained)
    found = len(listing.found)
    return FileCount(found, found - left_out.total(), _by_count(left_out), _by_count(others))


def summarize_files(files: FileCount, problems: Sequence[Problem]) -> str:
    """Return in one line what is left out of a collection, empty if nothing is.

    Example:
        `12 files left out: 5 truncated, 4 duplicates, 3 not images (atlantis diagnose DATA --json lists them)`
    """
    twice = sum(problem_kind(problem) == LISTED_TWICE for problem in problems)
    parts = [left_out] if (left_out := describe_left_out(files)) else []
    parts += [f"{count_noun(twice, 'file')} {LISTED_TWICE}"] if twice else []
    return f"{'; '.join(parts)} {LEFT_OUT_HINT}" if parts else ""


def describe_left_out(files: FileCount) -> str:
    """Return which files, rows and folders are left out, for a message that names the first; empty if none are."""
    photos = Counter({kind: count for kind, count in files.left_out.items() if kind != OTHER_FILE})
    others = Counter(files.without_file)
    parts = [f"{count_noun(photos.total(), 'file')} left out: {count_kinds(photos)}"] if photos else []
    parts += [f"rows and folders without files: {count_kinds(others)}"] if others else []
    return "; ".join(parts)


def _by_count(kinds: Counter[str]) -> dict[str, int]:
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def _folder_problems(
    tree: FolderTree, layout: Layout, covers: Mapping[str, str], used_covers: Collection[str], listed: Iterable[str]
) -> list[Problem]:
    """Return a problem for each folder and each link to a folder whose files are not read."""
    above = {parent.as_posix() for name in listed for parent in PurePosixPath(name).parents} if tree.links else set()
    read = {*layout.followed, *above}
    links = {link: why for link, why in tree.links.items() if link not in read and not _cover(link, covers)}
    empty = {folder for folder, why in tree.unread.items() if why.startswith("unreadable")} & set(covers)
    folders = {folder: covers[folder] for folder in sorted({*filter(None, used_covers), *empty})}
    return [Problem(to_printable(name), why) for name, why in {**folders, **links}.items()]


def _cover(name: str, covers: Mapping[str, str]) -> str:
    """Return the topmost folder above a file, or the name itself, that is not read; empty if there is none."""
    if not covers:
        return ""
    parents = [*reversed(PurePosixPath(name).parents), PurePosixPath(name)]
    return next((parent.as_posix() for parent in parents if parent.as_posix() in covers), "")


def _why_left(tree: FolderTree, name: str, layout: Layout) -> str:
    if is_hidden(name):
        return HIDDEN_FILE
    if tree.files[name] and not (tree.root / name).exists():
        return "missing: a link that leads to no file"
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if suffix in _OTHER_SUFFIXES or (path.stem.lower() in _OTHER_NAMES and suffix not in USUAL_SUFFIXES):
        return f"{OTHER_FILE}: not an image by its name"
    return layout.why(name)
