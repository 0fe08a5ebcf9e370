"""The error rate and the power of the paired test, by simulation."""

from __future__ import annotations

import pytest
from paired_error import round_of

from atlantis_core.metrics.paired_test import share_of_error
from atlantis_core.metrics.sequential import take_look
from atlantis_core.records import Comparison


def is_proven(found: Comparison, rounds: int) -> bool:
    """Whether the first of so many rounds is kept, all of whose seeds are trained at once."""
    return take_look(found, share_of_error(1, rounds), found.seeds, found.seeds).verdict == "proven"


@pytest.mark.parametrize("shared", [0.0, 0.6])
@pytest.mark.parametrize("seed_sd", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_seed_changes_alone_are_seldom_accepted(seeds, seed_sd, shared):
    rounds = [round_of(number, seeds, 0.0, seed_sd=seed_sd, shared=shared) for number in range(300)]
    assert sum(r.p_value <= 0.05 for r in rounds) <= 0.05 * 300
    assert sum(is_proven(r, 3) for r in rounds) <= 0.05 * 300
    covered = sum(r.low <= 0 <= r.high for r in rounds)
    assert covered >= 0.95 * 300


def test_ten_points_on_300_queries_with_two_seeds_are_found():
    rounds = [round_of(number, 2, 0.10) for number in range(100)]
    assert sum(is_proven(r, 1) for r in rounds) >= 85
    assert sum(is_proven(r, 3) for r in rounds) >= 75


def test_what_arms_share_makes_small_gains_provable():
    """Eight points on 320 queries with two seeds: paired batches find more of them."""
    found = {
        shared: sum(is_proven(round_of(n, 2, 0.08, queries=320, shared=shared), 2) for n in range(200))
        for shared in (0.0, 0.6)
    }
    assert found[0.6] >= found[0.0] + 10
    assert found[0.6] >= 150


def test_a_gap_of_eight_classes_mended_by_25_points_is_found():
    rounds = [round_of(number, 2, 0.25, classes=8) for number in range(100)]
    assert sum(is_proven(r, 3) for r in rounds) >= 85
