"""Pairing of two arms' outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_outcomes import pair_outcomes
from atlantis_core.metrics.paired_test import compare


def drawn(ids: str, hits: str, returned: str) -> QueryOutcomes:
    return QueryOutcomes(tuple(ids), np.array([hit == "1" for hit in hits]), tuple(returned))


def test_queries_are_matched_by_id_and_seeds_by_place() -> None:
    before = [drawn("cab", "010", "xax"), None, drawn("abc", "111", "abc")]
    after = [drawn("abd", "110", "abx"), drawn("abc", "000", "xxx"), None, drawn("abc", "111", "abc")]
    paired = pair_outcomes(before, after)
    assert paired is not None
    assert paired.ids == ("a", "b"), "those that all outcomes have"
    assert paired.seeds == (0, 2), "the control of the second seed crashed, and the fourth has none"
    assert paired.hit_before.tolist() == [[True, False], [True, True]]
    assert paired.hit_after.tolist() == [[True, True], [False, False]], "a crashed candidate missed every query"
    assert paired.returned_before.tolist() == [["a", "x"], ["a", "b"]]
    assert paired.returned_after.tolist() == [["a", "b"], ["", ""]]
    assert paired.change.tolist() == [[0, 1], [-1, -1]]


def test_without_a_seed_or_a_query_in_common_there_is_nothing_to_pair() -> None:
    assert pair_outcomes([None], [drawn("ab", "11", "ab")]) is None
    assert pair_outcomes([], []) is None
    assert pair_outcomes([drawn("ab", "11", "ab")], [drawn("cd", "11", "cd")]) is None


def test_the_mean_change_is_the_gain_of_the_paired_test() -> None:
    draw = np.random.default_rng(3)
    ids = tuple(f"{number:02}" for number in range(40))
    before, after = (
        [QueryOutcomes(ids, draw.random(40) < share, ("x",) * 40) for _ in range(3)] for share in (0.4, 0.7)
    )
    paired = pair_outcomes(before, after)
    assert paired is not None
    assert paired.change.mean() == pytest.approx(compare(before, after, dict.fromkeys(ids, "x")).gain)
