"""Parts of the variance of a mean gain, beside values computed apart."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.metrics.variance_components import (
    Spread,
    collapse_singletons,
    gain_variance,
    learn_spread,
    prior_spread,
)

CLASSES = np.repeat(np.arange(6), 10)


def draw(seeds: int, seed_sd: float, query_sd: float, flip_sd: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (S, Q) values of two arms whose difference has these standard deviations."""
    generator = np.random.default_rng(number)
    gain = (
        seed_sd * generator.normal(size=(seeds, 1))
        + query_sd * generator.normal(size=(1, 60))
        + flip_sd * generator.normal(size=(seeds, 60))
    )
    return np.zeros((seeds, 60)), gain


def test_the_parts_add_up_to_the_variance_of_the_mean():
    seed_sd, query_sd, flip_sd, seeds = 0.05, 0.4, 0.3, 4
    true = seed_sd**2 / seeds + query_sd**2 / 60 + flip_sd**2 / (seeds * 60)
    spread = Spread((seed_sd**2 + flip_sd**2 / 60) / 2, 8.0)  # so that the arms' spread says the truth
    drawn = [draw(seeds, seed_sd, query_sd, flip_sd, number) for number in range(400)]
    estimated = [gain_variance(*arms, CLASSES, spread).total(seeds) for arms in drawn]
    means = [float(after.mean()) for _, after in drawn]
    assert np.mean(estimated) == pytest.approx(true, rel=0.1)
    assert np.var(means) == pytest.approx(true, rel=0.2)


def test_what_seeds_and_queries_both_contain_counts_once():
    """Single flips alone: added up, the two variances would give twice the truth."""
    flip_sd, seeds = 0.4, 5
    spread = Spread(flip_sd**2 / 60 / 2, 8.0)
    found = [gain_variance(*draw(seeds, 0, 0, flip_sd, number), CLASSES, spread) for number in range(300)]
    true = flip_sd**2 / (seeds * 60)
    assert np.mean([parts.seeds / seeds for parts in found]) == pytest.approx(true, rel=0.1)
    assert np.mean([parts.queries for parts in found]) - 1 / 62**2 < 0.5 * true  # it was as large as the seeds' part


def test_with_one_seed_classes_are_the_sampling_units():
    lumped = np.repeat([1.0, 0, 0, 0, 0, 1.0], 10)
    spread_out = np.tile([1.0, 0, 0, 1.0, 0, 0, 1.0, 0, 0, 0], 6)
    nothing = np.zeros((1, 60))
    parts = {
        name: gain_variance(nothing, gain[None], CLASSES, Spread(0.0, 2.0)).queries
        for name, gain in (("lumped", lumped), ("spread out", spread_out))
    }
    sums = np.array([10.0, 0, 0, 0, 0, 10.0]) - 20 / 6
    assert parts["lumped"] == pytest.approx(6 / 5 * (sums**2).sum() / 60**2)
    assert parts["spread out"] == pytest.approx(6 * 10 * 2.1 / 9 / 60**2 + 1 / 62**2)


def test_the_same_trainings_searched_in_two_ways_differ_by_queries_alone():
    before, after = draw(3, 0.0, 0.3, 0.1, 5)
    same, trained = (gain_variance(before, after, CLASSES, spread) for spread in (None, Spread(0.03**2, 8.0)))
    assert same.total(3) < trained.total(3)
    one = gain_variance(before[:1], after[:1], CLASSES, None)
    within = sum(np.var(after[0][name == CLASSES], ddof=1) * 10 for name in range(6)) / 60**2
    assert one.total(1) == pytest.approx(within + 1 / 62**2)


def test_the_spread_is_pooled_by_degrees_of_freedom():
    arms = [np.array([0.3, 0.4, 0.5]), np.array([0.7, 0.9])]
    found = learn_spread(arms, Spread(0.001, 2.0))
    assert found.freedom == 2 + 1 + 2
    assert found.variance == pytest.approx((2 * np.var(arms[0], ddof=1) + np.var(arms[1], ddof=1) + 2 * 0.001) / 5)


def test_the_prior_says_what_was_measured_on_seven_classes():
    """Twelve seeds of a collection of 420 queries of 7 classes spread by 3.8 points."""
    assert 0.034 < prior_spread(420, np.full(7, 60.0), 0.0175).variance ** 0.5 < 0.043
    assert prior_spread(2592, np.full(48, 54.0), 0.0175).variance ** 0.5 < 0.024


def test_classes_of_one_query_are_one_stratum():
    assert collapse_singletons(np.array([0, 0, 1, 2, 3, 3])).tolist() == [1, 1, 0, 0, 2, 2]
    assert collapse_singletons(np.array([0, 1, 2])).tolist() == [0, 0, 0]
