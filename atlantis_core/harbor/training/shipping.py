"""Prepare weights for the package."""

from __future__ import annotations

from pathlib import Path


def make_readable(folder: Path) -> None:
    """Make a folder's weights readable for everyone; safetensors writes them for the owner only."""
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)
