"""Fixtures that many tests share. Real parts wherever they are fast; fakes only at the seams."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"))

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the checkout; the test skips where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real photos at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every test has a workspace of its own and no key."""
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_API_KEY_FILE",
        "OPENAI_BASE_URL",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "ATLANTIS_TRACE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ATLANTIS_WORKSPACE", str(tmp_path / "workspace"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="rewrite tests/snapshots/*.md")
