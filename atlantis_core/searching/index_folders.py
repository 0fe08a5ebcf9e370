"""How an index is kept: a folder with its facts (`index.json`), Chroma's files and a lock."""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
import zlib
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
"""Contents of an index folder."""
FOLDER_NAME = "index"
"""Folder in the workspace that contains all index folders."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_WRITER_TIMEOUT_SECONDS = 10.0
_READER_TIMEOUT_SECONDS = 2.0
_POLL_SECONDS = 0.05
_CHUNK_BYTES = 2**22


def check_name(name: str) -> str:
    """Return a valid name of an index, of its folder and its Chroma collection; a `SetupError` if it is not."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise SetupError(
            f"an index cannot be named {name[:80]!r}: use 1 to 63 of A-Z a-z 0-9 . _ - (a letter or digit first and "
            "last)"
        )
    return name


def suggest_name(text: str, model_hash: str) -> str:
    """Return a name for the index of a collection by a model."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:40].strip("-") or "images"
    return f"{kept}-{model_hash[:8]}"


def find_index_folder(index: str, home: Path) -> Path:
    """Return the folder of an index, given by its name or folder; `home` contains the workspace's indexes.

    Raises:
        NotFoundError: There is no such index.
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
    """Return the folder of an index by name only: paths could lead out of the workspace."""
    folder = home / check_name(name)
    if not (folder / FACTS_NAME).is_file():
        known = ", ".join(facts.name for facts in list_indexes(home)) or "none; `atlantis index MODEL DATA` makes one"
        raise NotFoundError(f"there is no index {name!r} in this workspace; known: {known}")
    return folder


def workspace_of(folder: Path) -> Path:
    """Return the workspace that contains an index; stored paths are relative to it."""
    return folder.parents[1]


def list_indexes(home: Path) -> list[IndexFacts]:
    """Return the facts of each readable index in a workspace, by name; see `list_damaged_indexes`."""
    return [facts for facts in _read_all_facts(home) if isinstance(facts, IndexFacts)]


def list_damaged_indexes(home: Path) -> list[str]:
    """Return one line per index folder whose facts cannot be read."""
    return [str(facts) for facts in _read_all_facts(home) if isinstance(facts, SetupError)]


def _read_all_facts(home: Path) -> Iterator[IndexFacts | SetupError]:
    for path in sorted(home.glob(f"*/{FACTS_NAME}")) if home.is_dir() else []:
        try:
            yield read_facts(path.parent)
        except SetupError as error:
            yield error


def read_facts(folder: Path) -> IndexFacts:
    """Read the facts of an index; a `SetupError` if they are missing or damaged."""
    path = folder / FACTS_NAME
    try:
        return from_json(IndexFacts, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SetupError(f"{to_printable(str(path))!r} cannot be read: {error.strerror}") from error
    except (ValueError, ValidationError) as error:
        raise SetupError(f"{to_printable(str(path))!r} is damaged; remove its folder and index again") from error


def write_facts(folder: Path, facts: IndexFacts) -> IndexFacts:
    """Write the facts of an index atomically and return them."""
    try:
        with write_atomically(folder / FACTS_NAME) as part:
            part.write_text(json.dumps(as_json(facts), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{to_printable(str(folder))!r} cannot be written: {error.strerror}") from error
    return facts


def check_index_model(facts: IndexFacts, model_hash: str) -> None:
    """Refuse a model that did not build the index: embeddings of two models cannot be compared."""
    if facts.model_hash != model_hash:
        raise SetupError(
            f"index {facts.name!r} was made by model {facts.model_hash[:12]}, this is {model_hash[:12]}, and their "
            "embeddings cannot be compared; search with that model, or index with this one under another --name"
        )


def check_index_server(facts: IndexFacts, server: str) -> None:
    """Refuse a server (empty: none) other than the one that keeps the index."""
    if facts.server != server:
        kept, given = (f"at {url!r}" if url else "in this workspace" for url in (facts.server, server))
        raise SetupError(f"index {facts.name!r} is kept {kept}, not {given}; choose another --name")


def graph_checksums(folder: Path) -> dict[str, int]:
    """Return path relative to the index folder -> CRC-32 of each file of its graph.

    Chroma crashes the process on damaged graph files, and checks only its database itself.

    Raises:
        SetupError: A file cannot be read.
    """
    files = sorted(path for path in (folder / CHROMA_NAME).glob("*/*") if path.is_file())
    try:
        return {path.relative_to(folder).as_posix(): _file_crc(path) for path in files}
    except OSError as error:
        raise SetupError(f"{to_printable(str(error.filename))!r} cannot be read: {error.strerror}") from error


def _file_crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc


def check_graph_files(folder: Path, facts: IndexFacts) -> None:
    """Refuse an index whose graph differs from what was saved."""
    if not facts.complete or not facts.graph_files or not facts.images:
        return  # interrupted or on a server: no checksums; or emptied: Chroma then writes at every opening
    if odd := sorted(set(graph_checksums(folder).items()) ^ set(facts.graph_files.items())):
        raise SetupError(
            f"index {facts.name!r} is damaged: {odd[0][0]!r} differs from what was saved; remove the index "
            f"(atlantis unindex {facts.name} --everything) and build it again"
        )


@contextmanager
def lock_index(folder: Path, *, writing: bool) -> Iterator[None]:
    """Lock an index, exclusively to write or shared to search. The lock ends with the process.

    Raises:
        SetupError: Another process still has it after some seconds.
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
                raise SetupError(f"index {folder.name!r} is being written by another process; try again later")
            time.sleep(_POLL_SECONDS)
        yield


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
