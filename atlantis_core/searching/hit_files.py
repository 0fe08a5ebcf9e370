"""Whether the file of a hit still is the image that was indexed: files are replaced and removed under an index."""

from __future__ import annotations

import hashlib
from pathlib import Path

from atlantis_core.data.inspection import possible_ids
from atlantis_core.records.searching import FileState
from atlantis_core.searching.index_folders import FACTS_NAME


def check_hit_file(image_id: str, path: str, index_folder: Path) -> FileState:
    """Return what happened to the file of an indexed image; empty if nothing did, or if its folder is unknown.

    Only a file that was written or moved since the index was is read.
    """
    if not path:
        return ""
    try:
        times, indexed = Path(path).stat(), (index_folder / FACTS_NAME).stat().st_mtime_ns
        # A file that is copied or moved may keep its earlier time of writing, but gets a new time of change.
        if max(times.st_mtime_ns, times.st_ctime_ns) <= indexed:
            return ""
        with Path(path).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"
    return "" if image_id in possible_ids(sha256) else "changed"
