"""Comparing what is sent with what is written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that compares a text with the snapshot of a name, or rewrites it where that was asked for."""

    def compared(name: str, text: str) -> None:
        path = HERE / name
        if request.config.getoption("--update-snapshots"):
            path.write_text(text)
        assert path.exists(), f"{name} is new: `make snapshots` writes it"
        assert path.read_text() == text, f"{name} has changed: `make snapshots` rewrites it; read the diff"

    return compared
