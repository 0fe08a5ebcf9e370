"""The file of the graph's checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_dml.graph.running import open_checkpoints


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.db"
    file.write_bytes(b"not a database " * 300)
    with pytest.raises(SetupError, match="cannot be used: file is not a database"), open_checkpoints(file):
        pass
