"""Durations and headlines in words."""

from __future__ import annotations

from typing import Any

import pytest

from atlantis_dml.text.figures import format_duration, write_headline


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.234, "1.2 s"), (80, "80 s"), (125, "2 min 05 s"), (7500, "2 h 05 min"), (None, "...")]
)
def test_durations_read_well(seconds: float | None, words: str) -> None:
    assert format_duration(seconds) == words


def test_a_run_that_gained_nothing_says_so() -> None:
    lost = {"kept": False, "judged": True}
    baseline = {"recall_at": {"1": 0.5}}
    facts: dict[str, Any] = {
        "status": "done",
        "rounds": [lost, lost],
        "baseline": baseline,
        "stop_detail": "all done",
    }
    assert write_headline(facts).startswith("No gain: none of the 2 rounds was a proven improvement")
    assert "the only round was not a proven improvement" in write_headline(facts | {"rounds": [lost]})
    assert "ended before" in write_headline(facts | {"baseline": None, "stop_detail": "the planner stopped"})


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([], "no round was started (no cell has a gap), so"),
        ([{"kept": False, "judged": False}], "no round was judged (no cell has a gap), so"),
    ],
)
def test_a_run_that_judged_no_round_says_why(rounds: list[dict[str, bool]], said: str) -> None:
    facts = {"status": "done", "baseline": {"recall_at": {"1": 0.5}}, "stop_detail": "no cell has a gap."}
    assert said in write_headline(facts | {"rounds": rounds})
