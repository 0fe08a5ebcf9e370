"""Five goals end as they should, by rules and by a chat model, in the terminal, on the web and over MCP."""

from __future__ import annotations

from pathlib import Path

import pytest
from five_goals import GOALS, SURFACES, run_all

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["rules", "model"])
def test_each_goal_ends_as_it_should_wherever_it_is_stated(tmp_path: Path, reader: str) -> None:
    ended = run_all(list(SURFACES), [reader], tmp_path)
    assert len(ended) == len(GOALS) * len(SURFACES)
    faults = {f"{one.surface}: {one.goal.text}": one.find_faults() for one in ended}
    assert {name: found for name, found in faults.items() if found} == {}
