"""The command that repeats a run."""

from __future__ import annotations

import shlex
from dataclasses import replace

from atlantis_core.records import Goal
from atlantis_dml.text.command_lines import build_run_command
from tests.interface.conftest import Fabricated, session_of


def test_the_command_to_do_it_again_survives_a_shell(fabricated: Fabricated) -> None:
    spec = replace(
        session_of(fabricated).spec, goal=Goal('it\'s $(rm -rf) "here"'), query=("vi=sit", "2"), auto=False
    )
    words = shlex.split(build_run_command(spec))
    assert words[:5] == ["atlantis", "run", spec.data, "--goal", spec.goal.text]
    assert words[words.index("--query") + 1] == r"vi\=sit=2"
    assert words[words.index("--budget-images") + 1] == "20"
    assert words[-1] == "--approve"
