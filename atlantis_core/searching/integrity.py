"""Whether the graph is as it was saved: Chroma reads damaged files into a crash of the whole process."""

from __future__ import annotations

import zlib
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable
from atlantis_core.records import IndexFacts
from atlantis_core.searching.index_folders import CHROMA_NAME

_CHUNK = 2**22


def graph_checksums(folder: Path) -> dict[str, int]:
    """Return relative path -> CRC-32 of the files of an index's graph; Chroma's database guards itself.

    Args:
        folder: Of the index.

    Raises:
        SetupError: One cannot be read.
    """
    files = sorted(path for path in (folder / CHROMA_NAME).glob("*/*") if path.is_file())
    try:
        return {path.relative_to(folder).as_posix(): _file_crc(path) for path in files}
    except OSError as error:
        raise SetupError(f"{to_printable(str(error.filename))!r} cannot be read: {error.strerror}") from error


def _file_crc(path: Path) -> int:
    found = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found = zlib.crc32(chunk, found)
    return found


def check_graph_files(folder: Path, facts: IndexFacts) -> None:
    """Refuse an index whose graph is not as it was saved.

    Raises:
        SetupError: A file is damaged, missing or new.
    """
    if not facts.complete or not facts.graph_files:
        return  # cut off, on a server, or without images: nothing was written down
    now, then = graph_checksums(folder), dict(facts.graph_files)
    odd = sorted(set(now.items()) ^ set(then.items()))
    if odd:
        raise SetupError(
            f"index {facts.name!r} is damaged: {odd[0][0]!r} is not as it was saved; take it away "
            f"(atlantis unindex {facts.name} --everything) and index again"
        )
