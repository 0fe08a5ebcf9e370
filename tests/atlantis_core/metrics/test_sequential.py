"""Seeds one after the other: levels, verdicts, and how often they err."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from atlantis_core.metrics.sequential import look_levels, take_look
from atlantis_core.records import Comparison


def comparison(gain: float, seeds: int = 3, seed_sd: float = 0.01, query_sd: float = 0.003) -> Comparison:
    error, freedom = (seed_sd**2 / seeds + query_sd**2) ** 0.5, seeds + 1.0
    p_value = float(stats.t.sf(gain / error, freedom))
    return Comparison(
        0.5,
        0.5 + gain,
        gain,
        gain - 2 * error,
        gain + 2 * error,
        p_value,
        400,
        seeds,
        seed_sd**2,
        query_sd**2,
        freedom,
    )


def test_a_single_look_may_spend_everything():
    assert look_levels(0.05, 3, 3) == (0.05,)


def test_the_levels_are_those_of_the_literature():
    """Two equal looks that spend 0.025 in proportion: bounds 2.241 and 2.125 (gsDesign, sfPower 1)."""
    first, second = look_levels(0.025, 1, 2)
    assert stats.norm.isf(first) == pytest.approx(2.2414, abs=1e-4)
    assert stats.norm.isf(second) == pytest.approx(2.125, abs=2e-3)


@pytest.mark.parametrize(("first", "last"), [(1, 4), (2, 5), (3, 6), (3, 9)])
def test_all_looks_together_err_as_often_as_they_may(first, last):
    levels = np.array(look_levels(0.05, first, last))
    seeds = np.arange(first, last + 1)
    sums = np.random.default_rng(0).normal(size=(200_000, last)).cumsum(axis=1)[:, first - 1 :]
    rejected = (sums / seeds**0.5 > stats.norm.isf(levels)).any(axis=1)
    assert rejected.mean() == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize(("error", "first", "last"), [(0.05, 3, 2), (0.05, 0, 2), (0.0, 1, 2), (0.6, 1, 2)])
def test_impossible_looks_are_refused(error, first, last):
    with pytest.raises(ValueError, match="no levels"):
        look_levels(error, first, last)


def test_three_verdicts():
    assert take_look(comparison(0.05), 0.05, 3, 6).verdict == "proven"
    assert take_look(comparison(-0.03), 0.05, 3, 6).verdict == "refuted"
    unclear = take_look(comparison(0.012), 0.05, 3, 6)
    assert (unclear.verdict, unclear.wants_seed) == ("undecided", True)
    assert "seeds" in unclear.missing


def test_a_small_gain_that_is_clear_is_refuted_only_below_what_is_worth_keeping():
    small = comparison(0.004, seeds=6, seed_sd=0.004, query_sd=0.001)
    assert take_look(small, 0.001, 3, 6).verdict == "refuted"
    assert take_look(comparison(0.018, seeds=6), 1e-9, 3, 6).verdict == "undecided"


def test_no_seed_is_added_where_a_proof_is_unlikely_or_none_is_left():
    assert not take_look(comparison(-0.002), 0.05, 3, 6).wants_seed
    assert not take_look(comparison(0.012, seeds=6), 0.05, 3, 6).wants_seed


def test_a_comparison_of_an_older_version_says_what_it_can():
    old = Comparison(0.5, 0.55, 0.05, 0.01, 0.09, 0.001, 400, 2)
    assert take_look(old, 0.05, 2, 2).verdict == "proven"
    assert take_look(Comparison(0.5, 0.51, 0.01, -0.03, 0.05, 0.3, 400, 2), 0.05, 2, 2).verdict == "undecided"


def run_of_seeds(gain: float, number: int, first: int = 3, last: int = 6) -> tuple[str, int]:
    """Return verdict and seeds of a simulated round whose seeds spread by one point."""
    gains = gain + 0.01 * np.random.default_rng((7, number)).normal(size=last)
    for seeds in range(first, last + 1):
        freedom = seeds + 1.0
        squares = ((gains[:seeds] - gains[:seeds].mean()) ** 2).sum()
        variance = (squares + 2 * 0.01**2) / freedom
        mean = float(gains[:seeds].mean())
        p_value = float(stats.t.sf(mean / (variance / seeds) ** 0.5, freedom))
        found = Comparison(0.5, 0.5, mean, -1, 1, p_value, 1000, seeds, float(variance), 0.0, freedom)
        look = take_look(found, 0.05, first, last)
        if not look.wants_seed:
            break
    return look.verdict, seeds


def test_seeds_are_saved_and_errors_stay_rare():
    null = [run_of_seeds(0.0, number) for number in range(600)]
    real = [run_of_seeds(0.02, number) for number in range(300)]
    assert sum(verdict == "proven" for verdict, _ in null) <= 0.05 * 600
    assert np.mean([seeds for _, seeds in null]) < 4.5
    assert sum(verdict == "proven" for verdict, _ in real) >= 0.8 * 300
    assert np.mean([seeds for _, seeds in real]) < 4.5
