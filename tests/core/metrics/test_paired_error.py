"""The error rate and the power of the paired test, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired import compare, is_proven
from atlantis_core.records import Comparison


def round_of(
    seed: int, seeds: int, shift: float, classes: int = 48, queries: int = 300, seed_sd: float = 0.01
) -> Comparison:
    """Draw a round: both arms are the same recipe but for `shift`.

    Every model flips each query with 10 %, moves whole classes by 8 points (standard deviation) and all queries at
    once by `seed_sd`.
    """
    generator = np.random.default_rng((41, seed))
    label = generator.integers(0, classes, queries)
    ease = generator.normal(0, 2, queries) + generator.normal(0, 0.8, classes)[label]
    known = generator.random(queries) < 1 / (1 + np.exp(-ease))
    ids = tuple(f"q{number}" for number in range(queries))

    def model(by: float) -> QueryOutcomes:
        chance = np.where(known, 0.9, 0.1) + generator.normal(0, 0.08, classes)[label]
        hit = generator.random(queries) < np.clip(chance + generator.normal(0, seed_sd) + by, 0, 1)
        return QueryOutcomes(ids, hit, ("x",) * queries)

    control, candidate = [model(0) for _ in range(seeds)], [model(shift) for _ in range(seeds)]
    return compare(control, candidate, {i: str(c) for i, c in zip(ids, label, strict=True)})


@pytest.mark.parametrize("seed_sd", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seed_changes_alone_are_seldom_accepted(seeds, seed_sd):
    rounds = [round_of(number, seeds, 0.0, seed_sd=seed_sd) for number in range(300)]
    assert sum(r.p_value <= 0.05 for r in rounds) <= 0.05 * 300
    assert sum(is_proven(r, 1, 3) for r in rounds) <= 0.05 * 300
    covered = sum(r.low <= 0 <= r.high for r in rounds)
    assert covered >= 0.95 * 300


def test_ten_points_on_300_queries_with_two_seeds_are_found():
    rounds = [round_of(number, 2, 0.10) for number in range(100)]
    assert sum(is_proven(r, 1, 1) for r in rounds) >= 85
    assert sum(is_proven(r, 1, 3) for r in rounds) >= 75


def test_a_gap_of_eight_classes_mended_by_25_points_is_found():
    rounds = [round_of(number, 2, 0.25, classes=8) for number in range(100)]
    assert sum(is_proven(r, 1, 3) for r in rounds) >= 85
