"""Paths as the store keeps them: relative to the workspace, so that its folder can be moved or renamed."""

from __future__ import annotations

from pathlib import Path


def to_stored_path(path: str, folder: Path) -> str:
    """Return a path as it is kept: relative where it lies in the workspace, else as it is."""
    inside = path and Path(path).is_relative_to(folder)
    return Path(path).relative_to(folder).as_posix() if inside else path


def from_stored_path(path: str, folder: Path) -> str:
    """Return a kept path as a program can use it; an empty one stays empty."""
    return str(folder / path) if path else path
