"""Every file of a folder, found in one walk, and the folders whose files are not read.

Left aside: hidden files other than images, AppleDouble files (`._x.png`) and the
files of file managers (`Thumbs.db`, `desktop.ini`, `__MACOSX`). Folders that systems
make by themselves, such as recycle bins, are treated like hidden ones.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable
from atlantis_core.data.entries import OUTSIDE_BY_LINK, is_inside
from atlantis_core.data.inspection import USUAL_SUFFIXES

HIDDEN_FOLDER = "hidden folder: its images are not read; rename it without the dot to use them"
HIDDEN_FILE = "hidden file: it is not read; rename it without the dot to use it"

SYSTEM_FOLDER = "system folder: made by the system, not by a person; its images are not read; rename it to use them"

_SYSTEM_FOLDERS = frozenset({"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"})
"""In lower case: thumbnails and recycle bin of Synology, bins of Windows, what a disk check found."""
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True, slots=True)
class FolderTree:
    """The files and folders below a resolved folder; names are relative to it, with `/`."""

    root: Path
    files: Mapping[str, bool]
    """File name -> whether it is a link; a link that leads nowhere is a file too."""
    subfolders: Mapping[str, tuple[str, ...]]
    """Folder -> its subfolders, links to folders included, sorted, without hidden ones; the root is the name ``."""
    links: Mapping[str, str]
    """Link to a folder -> why it is not followed."""
    targets: Mapping[str, str]
    """Link to a folder that is found too, elsewhere in the tree -> that folder."""
    unread: Mapping[str, str]
    """Folder that cannot be opened, or is hidden and contains images -> why its files are not read."""
    names: tuple[str, ...]
    """The keys of `files`, sorted."""

    def files_below(self, folder: str) -> Iterator[str]:
        """Yield the files of a folder and of its subfolders, without hidden ones, sorted."""
        start = f"{folder}/" if folder else ""
        for row in range(bisect.bisect_left(self.names, start), len(self.names)):
            name = self.names[row]
            if not name.startswith(start):
                return
            if not is_hidden(name[len(start) :]):
                yield name

    def has_files(self, folder: str) -> bool:
        """Whether files that may be read are directly in a folder."""
        depth = folder.count("/") + 1 if folder else 0
        return any(name.count("/") == depth for name in self.files_below(folder))


def is_hidden(name: str) -> bool:
    """Whether the name of a file or of a folder above it begins with a dot, or is that of a system's folder."""
    return name.startswith(".") or "/." in name or not _SYSTEM_FOLDERS.isdisjoint(name.lower().split("/"))


def walk_folder(root: Path) -> FolderTree:
    """Find everything below a resolved folder; links to folders are not followed.

    Raises:
        SetupError: The folder cannot be opened.
    """
    walk = _Walk(root)
    while walk.waiting:
        walk.enter(*walk.waiting.pop())
    if reason := walk.unread.get(""):
        why = reason.removeprefix("unreadable: ")
        raise SetupError(f"the folder {to_printable(str(root))!r} cannot be opened: {why}")
    subfolders = {folder: tuple(sorted(names)) for folder, names in walk.subfolders.items()}
    targets = {link: name for link in walk.links if (name := _inside_name(root, link)) in subfolders}
    return FolderTree(root, walk.files, subfolders, walk.links, targets, walk.unread, tuple(sorted(walk.files)))


class _Walk:
    """What a walk has found so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, bool] = {}
        self.subfolders: dict[str, list[str]] = {}
        self.links: dict[str, str] = {}
        self.unread: dict[str, str] = {}
        self.waiting = [("", "")]
        """Folders to enter, each with the topmost hidden folder that it is in, if any."""

    def enter(self, folder: str, hidden: str) -> None:
        """Add what is in a folder."""
        try:
            with os.scandir(self.root / folder) as entries:
                listed = list(entries)
        except OSError as error:
            if not hidden:
                self.unread[folder] = f"unreadable: {error.strerror}"
            return
        above = f"{folder}/" if folder else ""
        within = self.subfolders.setdefault(folder, [])
        for entry in listed:
            if entry.name.lower() in _LITTER or entry.name.startswith("._"):
                continue
            name = above + entry.name
            topmost = hidden or (name if is_hidden(entry.name) else "")
            if not _is_folder(entry):
                self._add_file(name, topmost, hidden, is_link=entry.is_symlink())
                continue
            if entry.is_symlink():
                self.links |= {} if topmost else {name: _why_not_followed(self.root, name)}
            else:
                self.waiting.append((name, topmost))
            within += [] if topmost else [name]

    def _add_file(self, name: str, topmost: str, hidden: str, *, is_link: bool) -> None:
        """Add a file; of hidden files and those in hidden folders only images."""
        if topmost:
            if os.path.splitext(name)[1].lower() not in USUAL_SUFFIXES:  # noqa: PTH122 (10 times as fast)
                return
            if hidden:
                self.unread[hidden] = HIDDEN_FOLDER if "/." in f"/{hidden}" else SYSTEM_FOLDER
        self.files[name] = is_link


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _why_not_followed(root: Path, link: str) -> str:
    if not is_inside(root, os.path.realpath(root / link)):
        return OUTSIDE_BY_LINK
    target = to_printable(_inside_name(root, link)) or "."
    return f"link to a folder: it is not followed; it leads to {target!r} in the collection's folder"


def _inside_name(root: Path, link: str) -> str:
    """Return the name, relative to the root, of the folder that a link leads to; the root's own is empty."""
    return os.path.relpath(os.path.realpath(root / link), root).removeprefix(".")
