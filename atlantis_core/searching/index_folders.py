"""Where indexes are: a folder each, with what is said of it, Chroma's files, and a lock."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.errors import NotFoundError, SetupError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.base.text import to_printable
from atlantis_core.records import IndexFacts

FACTS_NAME, CHROMA_NAME, LOCK_NAME = "index.json", "chroma", "lock"
"""What is in the folder of an index."""
FOLDER_NAME = "index"
"""Of the folder in the workspace that holds all indexes."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_WRITER_TIMEOUT_SECONDS = 10.0
_READER_TIMEOUT_SECONDS = 2.0
_POLL_SECONDS = 0.05


def check_name(name: str) -> str:
    """Return a name that an index can have, which is a folder's and a Chroma collection's too.

    Raises:
        SetupError: It is none.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise SetupError(
            f"an index cannot be named {name[:80]!r}: 1 to 63 of A-Z a-z 0-9 . _ -, a letter or digit first and last"
        )
    return name


def suggest_name(text: str, model_hash: str) -> str:
    """Return a name for the index of a collection by a model."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40].strip("-") or "images"
    return f"{kept}-{model_hash[:8]}"


def find_index_folder(index: str, home: Path) -> Path:
    """Return the folder of an index.

    Args:
        index: Its name, or its folder.
        home: Folder of a workspace's indexes.

    Raises:
        NotFoundError: There is none.
    """
    given = Path(index).expanduser()
    if (given / FACTS_NAME).is_file():
        return given.resolve()
    if os.sep in index or index in {"", ".", ".."}:
        raise NotFoundError(
            f"there is no index in {to_printable(index)!r} (no {FACTS_NAME}); `atlantis indexes` lists them"
        )
    return find_named_folder(index, home)


def find_named_folder(name: str, home: Path) -> Path:
    """Return the folder of an index by its name alone: no path leads out of the workspace.

    Args:
        name: Of the index.
        home: Folder of a workspace's indexes.

    Raises:
        NotFoundError: There is none of that name.
    """
    folder = home / check_name(name)
    if not (folder / FACTS_NAME).is_file():
        known = ", ".join(facts.name for facts in list_indexes(home)) or "none; `atlantis index MODEL DATA` makes one"
        raise NotFoundError(f"there is no index {name!r} in this workspace; known: {known}")
    return folder


def workspace_of(folder: Path) -> Path:
    """Return the workspace that an index lies in, to which its paths are relative."""
    return folder.parents[1]


def list_indexes(home: Path) -> list[IndexFacts]:
    """Return the facts of each readable index of a workspace, by name; see `list_damaged_indexes`."""
    return [found for folder in _index_folders(home) if isinstance(found := _try_read(folder), IndexFacts)]


def list_damaged_indexes(home: Path) -> list[str]:
    """Return the folders of indexes of which nothing can be read, as lines for a person."""
    return [found for folder in _index_folders(home) if isinstance(found := _try_read(folder), str)]


def _index_folders(home: Path) -> list[Path]:
    return [path.parent for path in sorted(home.glob(f"*/{FACTS_NAME}"))] if home.is_dir() else []


def _try_read(folder: Path) -> IndexFacts | str:
    try:
        return read_facts(folder)
    except SetupError as error:
        return str(error)


def read_facts(folder: Path) -> IndexFacts:
    """Read what is said of an index.

    Raises:
        SetupError: It is missing or damaged.
    """
    path = folder / FACTS_NAME
    try:
        return from_json(IndexFacts, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SetupError(f"{to_printable(str(path))!r} cannot be read: {error.strerror}") from error
    except (ValueError, ValidationError) as error:
        raise SetupError(f"{to_printable(str(path))!r} is damaged; remove its folder and index again") from error


def write_facts(folder: Path, facts: IndexFacts) -> IndexFacts:
    """Write what is said of an index, whole or not at all; return it.

    Raises:
        SetupError: It cannot be written.
    """
    try:
        with write_atomically(folder / FACTS_NAME) as part:
            part.write_text(json.dumps(as_json(facts), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{to_printable(str(folder))!r} cannot be written: {error.strerror}") from error
    return facts


@contextmanager
def lock_index(folder: Path, *, writing: bool) -> Iterator[None]:
    """Hold an index: alone to write in it, beside other readers to ask it. The lock ends with the process.

    Raises:
        SetupError: Somebody else holds it, also after a wait of some seconds.
    """
    kind = fcntl.LOCK_EX if writing else fcntl.LOCK_SH
    try:
        handle = (folder / LOCK_NAME).open("a")
    except OSError as error:
        raise SetupError(f"{to_printable(str(folder))!r} cannot be used: {error.strerror}") from error
    with handle:
        until = time.monotonic() + (_WRITER_TIMEOUT_SECONDS if writing else _READER_TIMEOUT_SECONDS)
        while not _try_lock(handle.fileno(), kind):
            if time.monotonic() > until:
                raise SetupError(f"index {folder.name!r} is being written by another process; ask when it is done")
            time.sleep(_POLL_SECONDS)
        yield


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
