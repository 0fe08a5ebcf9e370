"""Some cases of `make bench-agents`: models that misbehave, over HTTP, in whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from agent_goals import CASES
from agent_suite import run_all

QUICK = (
    "arguments-cut",
    "odd-numbers",
    "empty",
    "garbage",
    "drafts-after-making",
    "injected-names",
    "dollars-run-out",
    "echoes-key",
    "json-hostile",
)


def test_the_suite_has_cases_enough_and_each_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 25
    assert {case.collection for case in CASES} >= {"harbor", "harbor-tiny", "tiny_ci"}


def test_the_docs_count_the_cases() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    assert f"{len(CASES)} runs on harbor" in docs
    assert f"{sum(case.fault is not None for case in CASES)} of them with a misbehaving" in docs


@pytest.mark.slow
def test_runs_end_well_whatever_the_model_does(tmp_path: Path) -> None:
    summary = run_all([case for case in CASES if case.name in QUICK], tmp_path)
    assert summary["total"] == len(QUICK)
    wrong = {
        row["name"]: [name for name, holds in row["checks"].items() if not holds]
        for row in summary["cases"]
        if not all(row["checks"].values())
    }
    assert not wrong
