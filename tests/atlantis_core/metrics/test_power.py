"""What a comparison can prove, beside scipy's distributions and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from atlantis_core.metrics.power import Design, find_power, find_provable_gain, find_seeds, forecast
from atlantis_core.metrics.variance_components import GainVariance, Spread


@pytest.mark.parametrize(("gain", "error", "freedom"), [(0.02, 0.01, 4.0), (0.05, 0.02, 9.0), (0.0, 0.01, 5.0)])
def test_power_is_that_of_the_noncentral_t(gain, error, freedom):
    expected = stats.nct.sf(stats.t.isf(0.03, freedom), freedom, gain / error)
    assert find_power(gain, error, freedom, 0.03) == pytest.approx(expected, abs=1e-6)


def test_a_huge_gain_is_always_found():
    assert find_power(1.0, 0.001, 4.0, 0.01) == 1


def test_the_provable_gain_is_found_four_times_of_five():
    variance = GainVariance(0.02**2, 4.0, 0.0, 100.0)
    gain = find_provable_gain(variance, 3, 0.05)
    generator = np.random.default_rng(0)
    means = gain + 0.02 / 3**0.5 * generator.normal(size=50_000)
    errors = (0.02**2 * generator.chisquare(4, size=50_000) / 4 / 3) ** 0.5
    assert (stats.t.sf(means / errors, 4) <= 0.05).mean() == pytest.approx(0.8, abs=0.01)


def test_seeds_are_as_many_as_needed_and_no_more():
    variance = GainVariance(0.02**2, 4.0, 0.0, 100.0)
    needed = find_seeds(variance, 0.02, 0.05)
    assert needed is not None
    power = {seeds: find_power(0.02, 0.02 / seeds**0.5, seeds + 1.0, 0.05) for seeds in (needed - 1, needed)}
    assert power[needed - 1] < 0.8 <= power[needed]


def test_no_number_of_seeds_makes_up_for_few_queries():
    assert find_seeds(GainVariance(0.01**2, 4.0, 0.05**2, 20.0), 0.02, 0.05) is None


def test_a_forecast_gets_better_with_seeds_queries_and_calm():
    calm, wild = (forecast(Design(400, 7, Spread(sd**2, 8.0), 6), 3, 6, (0.05, 0.05)) for sd in (0.01, 0.04))
    assert wild.gain_at_most < wild.gain
    assert calm.gain < wild.gain
    more = forecast(Design(4000, 7, Spread(0.01**2, 8.0), 6), 3, 6, (0.05, 0.05))
    assert more.gain < calm.gain
    assert more.seeds_needed is not None
    assert wild.queries_needed is None
    assert "learned from 6 trainings" in calm.sentence
    assert "assumed" in forecast(Design(400, 7, Spread(0.01, 2.0)), 2, 2, (0.05,)).sentence


def test_the_queries_asked_for_are_enough():
    design = Design(500, 20, Spread(0.012**2, 8.0), 6)
    needed = forecast(design, 6, 6, (0.05,)).queries_needed
    assert needed is not None
    more = design.expect_variance(6, needed)
    assert find_provable_gain(more, 6, 0.05) <= 0.0201
