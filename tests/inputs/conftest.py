"""Commands asked through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from atlantis_dml.cli.main import main


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str]]:
    """Return a function from the words of a command to its JSON and what it says on stderr."""

    def run(*words: object, code: int = 0) -> tuple[Any, str]:
        capsys.readouterr()
        assert main([*map(str, words), "--json"]) == code
        said = capsys.readouterr()
        return json.loads(said.out), said.err

    return run
