"""A dataset of the Hugging Face hub as a folder: imagefolder (metadata file or class folders) or parquet."""

from __future__ import annotations

from pathlib import Path

from atlantis_core.data.reading import ReadOptions, list_files
from atlantis_core.importing.folder import plan_listing
from atlantis_core.importing.import_plan import ImportOptions, ImportPlan
from atlantis_core.importing.parquet import plan_parquet


def plan_import(source: Path, asked: ImportOptions) -> ImportPlan:
    """List the photos; splits are those of the folders, of the parquet files' names, or of a `split` column.

    Raises:
        SetupError: Nothing of the kind is there, a file is damaged, a column is missing, or `pyarrow` is.
    """
    files = sorted(path for path in source.rglob("*.parquet") if not path.name.startswith("."))
    if files:
        return plan_parquet(source, files, asked)
    return plan_listing(list_files(source, ReadOptions(label=asked.label)), asked)
