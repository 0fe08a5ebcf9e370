"""Stored paths are relative to the workspace, so that its folder can be moved or renamed."""

from __future__ import annotations

from pathlib import Path


def to_stored_path(path: str, folder: Path) -> str:
    """Return a path relative to the workspace if it is inside, else unchanged."""
    inside = path and Path(path).is_relative_to(folder)
    return Path(path).relative_to(folder).as_posix() if inside else path


def from_stored_path(path: str, folder: Path) -> str:
    """Return the usable form of a stored path; an empty one stays empty."""
    return str(folder / path) if path else path
