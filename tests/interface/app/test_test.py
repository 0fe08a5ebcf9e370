"""The sealed test of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.run.journal import JournalKind
from atlantis_core.workflows.test import run_final_test
from tests.interface.conftest import Fabricated, begin, session_of


def test_the_test_split_opens_only_for_a_finished_run(tmp_path: Path) -> None:
    session = begin(tmp_path)
    with pytest.raises(SetupError, match="is not done"):
        run_final_test(session)
    assert session.read(0, JournalKind.SEAL_OPENING) is None


def test_a_stored_test_is_never_measured_again(fabricated: Fabricated) -> None:
    session = session_of(fabricated)
    session.write(0, JournalKind.TEST, {"opened": [1.0]})
    assert run_final_test(session) == {"opened": [1.0]}
    assert session.read(0, JournalKind.SEAL_OPENING) is None
