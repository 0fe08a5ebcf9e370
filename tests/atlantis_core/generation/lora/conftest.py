"""Photos of two classes to fit a generator to."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.records import LabelledImage
from tests.atlantis_core.generation.conftest import photo


@pytest.fixture
def photos(tmp_path: Path) -> list[LabelledImage]:
    """Four photos of class `a` and two of `b`, by day or at night."""
    found = []
    for number in range(6):
        path = tmp_path / f"photo-{number}.png"
        photo(number).save(path)
        light = {"light": ("day", "night")[number % 2]}
        found.append(LabelledImage(f"{number:016x}", str(path), "aaaabb"[number], "train", "both", light))
    return found
