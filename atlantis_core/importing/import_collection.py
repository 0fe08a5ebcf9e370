"""Import a dataset as a collection: `atlantis import KIND SRC DEST`."""

from __future__ import annotations

from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.registry import load_part
from atlantis_core.base.text import to_printable
from atlantis_core.importing import IMPORTERS
from atlantis_core.importing.collection_writer import ImportResult, resolve_source, write_collection
from atlantis_core.importing.import_plan import ImportOptions


def import_dataset(
    kind: str, source: Path, folder: Path, options: ImportOptions, progress: Progress = no_progress
) -> ImportResult:
    """Write a dataset as a collection in a new folder outside of the source, which is not changed.

    Raises:
        SetupError: The kind is unknown, the source is missing or damaged, or the folder cannot be written.
    """
    plan = load_part(IMPORTERS, kind, "kind of dataset")
    if options.label is not None and kind in {"cub", "cars196", "sop", "inshop", "folder"}:
        raise SetupError(f"--label names a column, and {kind!r} has no columns; use it with hf")
    root = resolve_source(source, folder)
    try:
        planned = plan(root, options)
    except PermissionError as error:
        raise SetupError(f"{to_printable(str(error.filename))!r} cannot be opened: {error.strerror}") from error
    return write_collection(planned, folder, progress)
