"""Keeping a round or not, from its two comparisons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from atlantis_core.metrics.paired_test import share_of_error
from atlantis_core.records import Comparison, Decision
from atlantis_core.run.judging import describe_look, find_verdict


def comparison(gain: float, p_value: float, seeds: int = 2, error: float = 0.0) -> Comparison:
    """Return a comparison; with a standard error it is one that may be refuted."""
    return Comparison(
        before=0.5,
        after=0.5 + gain,
        gain=gain,
        low=gain - 0.02,
        high=gain + 0.02,
        p_value=p_value,
        queries=300,
        seeds=seeds,
        seed_variance=seeds * error**2,
        freedom=8.0 if error else 0.0,
    )


@pytest.mark.parametrize(
    ("overall", "targeted", "kept", "telling"),
    [
        (comparison(0.01, 0.2), comparison(0.10, 0.001), True, "proven"),
        (comparison(0.01, 0.2), comparison(0.10, 0.04), False, "not proven"),
        (comparison(-0.03, 0.9), comparison(0.10, 0.001), False, "-0.030 overall"),
        (comparison(0.0, 0.5), comparison(-0.1, 0.001), False, "not proven"),
    ],
)
def test_verdicts(overall: Comparison, targeted: Comparison, kept: bool, telling: str) -> None:
    look = find_verdict(overall, targeted, share_of_error(2, 2), 2, 2)
    assert (look.verdict == "proven") is kept
    assert telling in describe_look(look, overall, targeted, "here")


def test_a_gain_below_what_is_worth_keeping_is_refuted():
    found = comparison(-0.01, 0.9, error=0.005)
    look = find_verdict(found, found, 0.03, 2, 5)
    assert (look.verdict, look.wants_seed) == ("refuted", False)
    assert "refuted" in describe_look(look, found, found, "here")


def test_an_unclear_gain_asks_for_a_seed_and_says_what_is_missing():
    found = comparison(0.03, 0.06, error=0.018)
    look = find_verdict(found, found, 0.03, 2, 5)
    assert (look.verdict, look.wants_seed) == ("undecided", True)
    assert "seeds" in describe_look(look, found, found, "here")
    assert not find_verdict(comparison(0.03, 0.06, seeds=5, error=0.018), found, 0.03, 2, 2).wants_seed


def test_a_loss_of_the_whole_that_may_be_chance_asks_for_a_seed():
    targeted = comparison(0.10, 0.0001, error=0.01)
    unclear = find_verdict(comparison(-0.015, 0.9), targeted, 0.03, 2, 5)
    assert (unclear.verdict, unclear.wants_seed) == ("undecided", True)
    assert find_verdict(comparison(-0.03, 0.99), targeted, 0.03, 2, 5).verdict == "refuted"


def test_pilots_and_looks_share_the_error_of_a_round():
    found = comparison(0.05, 0.006)
    assert find_verdict(found, found, share_of_error(1, 1, pilots=4), 2, 2).verdict == "proven"
    assert find_verdict(found, found, share_of_error(1, 1, pilots=4), 2, 5).verdict == "undecided"
    assert find_verdict(found, found, share_of_error(1, 1, pilots=10), 2, 2).verdict == "undecided"


def test_a_decision_of_an_older_version_has_the_verdict_that_follows_from_it():
    nothing = comparison(0.0, 0.5)
    assert Decision(True, "proven: +0.1", nothing, nothing, nothing).verdict == "proven"
    assert Decision(False, "not proven: +0.1", nothing, nothing, nothing).verdict == "undecided"


def test_a_gain_that_other_queries_pay_for_is_refuted():
    gained, overall = comparison(0.10, 0.0001, error=0.01), comparison(0.02, 0.1)
    harmed, unclear, small = comparison(-0.04, 0.99), comparison(-0.015, 0.9), comparison(-0.009, 0.9)
    look = find_verdict(overall, gained, 0.03, 2, 5, harmed)
    assert (look.verdict, look.wants_seed) == ("refuted", False)
    said = describe_look(look, overall, gained, "here", harmed)
    assert said.endswith("but -0.040 (-0.060 to -0.020) on the other queries; refuted")
    assert find_verdict(overall, gained, 0.03, 2, 5, unclear).verdict == "proven"  # its interval reaches 0
    assert find_verdict(overall, gained, 0.03, 2, 5, replace(small, high=-0.001)).verdict == "proven"
