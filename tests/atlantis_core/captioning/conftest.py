from __future__ import annotations

from pathlib import Path

import pytest

from tests.atlantis_core.captioning.caption_models import write_tiny_blip


@pytest.fixture(scope="session")
def tiny_blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny, random BLIP model."""
    return write_tiny_blip(tmp_path_factory.mktemp("models") / "blip")
