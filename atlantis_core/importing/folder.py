"""A folder of class folders, with or without split folders above them."""

from __future__ import annotations

from pathlib import Path

from atlantis_core.data.entries import Listing
from atlantis_core.data.folders import read_folders
from atlantis_core.importing.plans import Asked, Photo, Plan


def plan(source: Path, asked: Asked) -> Plan:
    """List the files; class names are the folders', whole, dots and all.

    Raises:
        SetupError: There are no class folders.
    """
    return planned(read_folders(source), asked)


def planned(listing: Listing, asked: Asked) -> Plan:
    """Make a plan of what one of our readers listed."""
    photos = [
        Photo(entry.name, entry.path, entry.label, entry.split, entry.role, entry.columns)
        for entry in listing.entries
    ]
    halve = asked.split == "zero-shot"
    return Plan(photos, len(photos), listing.source, halve=halve, left_out=listing.problems)
