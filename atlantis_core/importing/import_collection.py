"""From a name and two folders to a collection: `atlantis import KIND SRC DEST`."""

from __future__ import annotations

import os
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.registry import load_part
from atlantis_core.base.text import to_printable
from atlantis_core.importing import IMPORTERS
from atlantis_core.importing.collection_writer import ImportResult, write_collection
from atlantis_core.importing.import_plan import ImportOptions


def import_dataset(
    kind: str, source: Path, folder: Path, asked: ImportOptions, progress: Progress = no_progress
) -> ImportResult:
    """Write a collection of others as one of ours; the source stays as it is.

    Args:
        kind: A name in `IMPORTERS`.
        source: The folder it lies in.
        folder: A new folder outside of `source`.
        asked: What a person chose.
        progress: Told how many photos are placed.

    Raises:
        SetupError: An unknown kind, no such source, a damaged one, or a folder that cannot be written.
    """
    plan = load_part(IMPORTERS, kind, "kind of collection")
    if asked.label is not None and kind in {"cub", "cars196", "sop", "inshop", "folder"}:
        raise SetupError(f"--label names a column, and {kind!r} has none; it is for hf")
    if not source.is_dir():
        what = "is a file; unpack it and name the folder" if source.exists() else "is not there; check the path"
        raise SetupError(f"the source {to_printable(str(source))!r} {what}")
    root, target = source.resolve(), Path(os.path.realpath(folder))
    if os.path.lexists(folder):
        raise SetupError(f"{to_printable(str(folder))!r} is there already; name a new folder, or remove it first")
    if target.is_relative_to(root):
        raise SetupError(f"{to_printable(str(folder))!r} lies inside the source; name a folder outside of it")
    try:
        planned = plan(root, asked)
    except PermissionError as error:
        raise SetupError(f"{to_printable(str(error.filename))!r} cannot be opened: {error.strerror}") from error
    return write_collection(planned, folder, progress)
