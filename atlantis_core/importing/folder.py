"""A folder of class folders, with or without split folders above them."""

from __future__ import annotations

from pathlib import Path

from atlantis_core.data.entries import OTHER_FILE, Listing, problem_kind
from atlantis_core.data.folder_tree import walk_folder
from atlantis_core.data.folders import read_folders
from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan


def plan_import(source: Path, options: ImportOptions) -> ImportPlan:
    """List the files; class names are the full folder names, including dots."""
    return plan_listing(read_folders(walk_folder(source)), options)


def plan_listing(listing: Listing, options: ImportOptions) -> ImportPlan:
    """Return the import plan of a listing."""
    photos = [
        ImportedPhoto(entry.name, entry.path, entry.label, entry.split, entry.role, entry.columns)
        for entry in listing.entries
    ]
    halve = options.split == "zero-shot"
    left_out = tuple(problem for problem in listing.problems if problem_kind(problem) != OTHER_FILE)
    notes = list(listing.notes)
    return ImportPlan(photos, len(photos), listing.source, halve=halve, left_out=left_out, notes=notes)
