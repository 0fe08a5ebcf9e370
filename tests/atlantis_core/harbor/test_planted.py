"""Planted gaps of bundled worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.harbor.planted import read_planted_gap


def test_no_planted_gap_is_read_from_a_folder_of_photos(tmp_path: Path) -> None:
    assert read_planted_gap(tmp_path) == ()
    (tmp_path / "world.json").write_text("{}")
    with pytest.raises(SetupError, match=r"world\.json"):
        read_planted_gap(tmp_path)
