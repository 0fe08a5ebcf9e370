"""From a path in a metadata row to a file of the folder, however the path is spelled."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import to_one_line
from atlantis_core.data.folder_tree import FolderTree

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_OTHER_SPELLINGS = (
    "backslashes, another Unicode form, another letter case of the suffix, a leading / or the folder's own name"
)


class ListedPaths:
    """Finds listed files in a folder.

    A path is taken as it is if there is such a file. Otherwise the one file is taken that differs only in Unicode
    form (NFC, NFD), in backslashes, in the letter case of its suffix, in a leading `/`, or in the name of the folder
    itself before it. Absolute paths into the folder are accepted.
    """

    def __init__(self, tree: FolderTree) -> None:
        self._tree = tree
        self._respelled: list[tuple[str, str]] = []

    def find(self, listed: str, base: str) -> str:
        """Return the name, relative to the root, of a path that is relative to the folder `base`.

        An absolute path out of the folder is returned as it is.
        """
        if _WINDOWS_DRIVE.match(listed):
            return "/" + listed
        if "://" in listed:  # an address, whose slashes are kept for the message
            return listed
        name = listed if listed.startswith("/") else posixpath.normpath(posixpath.join(base, listed))
        if name.startswith(("/", "../")):  # a way out of the folder may lead into it again
            name = self._relative_to_root(posixpath.join(str(self._tree.root), name), name)
        if name in self._tree.files or (self._tree.links and os.path.lexists(self._tree.root / name)):
            return name
        for spelling in self._other_spellings(name):
            if len(found := self._by_spelling.get(_plain_spelling(spelling), [])) == 1:
                self._respelled.append((listed, found[0]))
                return found[0]
        return name

    def _other_spellings(self, name: str) -> list[str]:
        """Return a path with slashes only, then without a leading slash and without the name of the folder itself."""
        slashed = posixpath.normpath(name.replace("\\", "/"))
        relative = slashed.removeprefix("/")
        return [slashed, relative, relative.removeprefix(f"{self._tree.root.name}/")]

    def describe(self, source: str) -> list[str]:
        """Return a sentence on the paths that were found under another spelling, if there are any."""
        if not self._respelled:
            return []
        listed, name = self._respelled[0]
        is_same_text = unicodedata.normalize("NFC", listed) == unicodedata.normalize("NFC", name)
        show = ascii if is_same_text else to_one_line
        return [
            f"{count_noun(len(self._respelled), 'path')} of {source} were found under another spelling "
            f"({_OTHER_SPELLINGS}): {show(listed)} is {show(name)}"
        ]

    def _relative_to_root(self, listed: str, otherwise: str) -> str:
        """Return an absolute path relative to the root if it is inside; a link in it counts as what it leads to."""
        root = self._tree.root
        path = Path(posixpath.normpath(listed))
        if "\0" in listed:
            return otherwise
        for candidate in (path, Path(os.path.realpath(path.parent)) / path.name):
            if candidate.is_relative_to(root):
                return candidate.relative_to(root).as_posix()
        return otherwise

    @cached_property
    def _by_spelling(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self._tree.names:
            found[_plain_spelling(name)].append(name)
        return found


def _plain_spelling(name: str) -> str:
    stem, suffix = posixpath.splitext(unicodedata.normalize("NFC", name).strip())
    return stem + suffix.lower()
