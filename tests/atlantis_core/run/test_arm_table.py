"""The table that sets a run's gain beside what needs no image."""

from __future__ import annotations

from typing import Any

import pytest

from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.records import BaselineComparison, Comparison, Decision, Measurement, Offer, Pilot, Protocol
from atlantis_core.run.arm_table import NONE_TRIED, list_arms
from atlantis_core.run.round import JudgedRound, Round


def measured(recall: float) -> Measurement:
    return Measurement({1: recall}, {}, 200, 0, {}, {})


def compared(gain: float, half: float = 0.02, seeds: int = 2) -> Comparison:
    return Comparison(0.5, 0.5 + gain, gain, gain - half, gain + half, 0.01, 200, seeds)


def piloted(remedy: str, overall: Comparison | None, *, makes_images: bool = False) -> Pilot:
    return Pilot(Offer(remedy, "", makes_images=makes_images, trainings=0), (), overall, None, 0, 0, 1.0)


def judged(index: int, remedy: str, over: Comparison, *pilots: Pilot, kept: bool = False) -> JudgedRound:
    protocol = Protocol("p", index, "edit", (), "", "", "margin", 1.0, 0.0, remedy)
    decision = Decision(kept, "", over, None, over)
    return JudgedRound(index=index, protocol=protocol, decision=decision, pilots=pilots, measurement=measured(0.6))


def without_images(*rounds: Round) -> dict[str, Any]:
    return list_arms(rounds, None, measured(0.5), None, 2)[2]


def test_the_four_models_are_always_there() -> None:
    rows = list_arms([], None, None, None, 2)
    assert [row["arm"] for row in rows] == ["frozen", "baseline", "without_images", "loop"]
    assert [row["recall_at_1"] for row in rows] == [None] * 4
    assert rows[2]["what"] == NONE_TRIED


def test_the_loop_has_its_gain_over_the_baseline_and_what_it_kept() -> None:
    rounds = [judged(1, "serve:csls", compared(0.03), kept=True), judged(2, "generate", compared(0.1), kept=True)]
    comparison = BaselineComparison(("a", "b", "c"), ("d", "e", "f"), compared(0.1), None, ())
    frozen, baseline, _, loop = list_arms(rounds, measured(0.4), measured(0.5), comparison, 2)
    interval = wilson_interval(80, 200)
    assert (frozen["recall_at_1"], frozen["low"], frozen["high"]) == (0.4, interval.low, interval.high)
    assert (frozen["trainings"], baseline["trainings"], loop["trainings"]) == (0, 3, 3)
    assert (loop["what"], loop["recall_at_1"]) == ("serve:csls, then generate", 0.6)
    assert (loop["gain"], loop["gain_low"]) == (0.1, pytest.approx(0.08))
    assert baseline["gain"] is None


def test_the_best_without_images_is_the_judged_one_before_its_own_lucky_pilot() -> None:
    pilots = piloted("serve:csls", compared(0.06)), piloted("generate", compared(0.2), makes_images=True)
    found = without_images(judged(1, "serve:csls", compared(0.01), *pilots))
    assert found["what"] == "serve:csls, judged in round 1 and rolled back"
    assert (found["gain"], found["trainings"]) == (0.01, 2)


def test_a_pilot_says_so_and_an_unsure_one_does_not_go_first() -> None:
    pilots = (
        piloted("train:mixstyle=0.5", compared(0.05, half=0.2)),
        piloted("serve:csls", compared(0.03)),
        piloted("serve:prototypes", None),
    )
    found = without_images(judged(1, "generate", compared(0.02), *pilots))
    assert found["what"] == "serve:csls, from its pilot in round 1"
    assert found["trainings"] == 2
    assert found["recall_at_1"] == pytest.approx(0.53)


def test_after_a_kept_round_pilots_are_no_longer_compared_with_the_baseline() -> None:
    rounds = (
        judged(1, "generate", compared(0.1), kept=True),
        Round(2, pilots=(piloted("serve:csls", compared(0.05)),)),
    )
    assert without_images(*rounds)["what"] == NONE_TRIED
