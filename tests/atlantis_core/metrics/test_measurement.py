from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.metrics.intervals import bootstrap_means, wilson_interval
from atlantis_core.metrics.measurement import average_measurements, measure_ranking
from atlantis_core.metrics.outcomes import QueryOutcomes, query_outcomes, worst_outcomes
from atlantis_core.metrics.ranking import rank_images
from atlantis_core.records import Interval, Measurement


@pytest.fixture
def harbour(image):
    """Four queries on a circle: a right answer by day, two wrong ones by night, one query without a partner."""
    queries = [
        image("q0", "tug", light="day"),
        image("q1", "tug", light="night"),
        image("q2", "ferry", light="night"),
        image("q3", "sloop"),
    ]
    gallery = [image("g0", "tug"), image("g1", "ferry"), image("g2", "tug")]
    angle = np.radians([0, 80, 10, 45])
    placed = np.radians([0, 90, 30])
    query = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    stored = np.stack([np.cos(placed), np.sin(placed)], axis=1).astype(np.float32)
    return rank_images(queries, query, gallery, stored), queries, gallery


def test_measure_counts_by_class_and_facet(harbour):
    ranking, queries, _ = harbour
    found = measure_ranking(ranking, queries)
    assert (found.queries, found.left_out) == (3, 1)
    assert found.recall_at == {1: pytest.approx(1 / 3), 2: pytest.approx(2 / 3), 4: 1.0, 8: 1.0}
    assert found.per_class["tug"] == wilson_interval(1, 2)
    assert found.per_class["ferry"] == wilson_interval(0, 1)
    assert set(found.per_class) == {"tug", "ferry"}
    assert found.per_facet == {"light": {"day": wilson_interval(1, 1), "night": wilson_interval(0, 2)}}
    assert found.scores["map_at_r"] == pytest.approx((1 + (1 / 2) / 2 + 0) / 3)
    assert found.scores["r_precision"] == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_outcomes_name_what_was_returned(harbour):
    ranking, queries, gallery = harbour
    found = query_outcomes(ranking, queries, gallery)
    assert found.ids == ("q0", "q1", "q2")
    assert found.hit.tolist() == [True, False, False]
    assert found.returned == ("tug", "ferry", "tug")


def test_queries_must_fit_the_ranking(harbour):
    ranking, queries, gallery = harbour
    with pytest.raises(ValueError, match="do not fit a ranking of 4"):
        measure_ranking(ranking, queries[:3])
    with pytest.raises(ValueError, match="do not fit a ranking of 4"):
        query_outcomes(ranking, queries[:3], gallery)


def test_outcomes_survive_the_disk(tmp_path):
    kept = QueryOutcomes(("ä", "b"), np.array([True, False]), ("Größe 1", "x.y"))
    path = tmp_path / "seed0.npz"
    worst_outcomes(["a"]).save(path)
    kept.save(path)
    back = QueryOutcomes.load(path)
    assert (back.ids, back.returned) == (kept.ids, kept.returned)
    assert back.hit.dtype == np.bool_
    assert back.hit.tolist() == [True, False]
    assert [file.name for file in tmp_path.iterdir()] == ["seed0.npz"]


def test_measurements_in_workspaces_of_before_still_load():
    """Receipts are found by an address that says nothing of a measurement's fields, so those may only be added to."""
    stored = json.loads(
        '{"recall_at": {"1": 0.5, "2": 0.75}, "map_at_r": 0.4, "r_precision": 0.45, "queries": 4, "left_out": 1,'
        ' "per_class": {"tug": {"value": 0.5, "low": 0.15, "high": 0.85, "count": 4}}, "per_facet": {}}'
    )
    found = from_json(Measurement, stored)
    assert found.recall_at == {1: 0.5, 2: 0.75}
    assert found.per_class["tug"] == Interval(0.5, 0.15, 0.85, 4)
    assert as_json(found) == stored


def test_no_outcomes_survive_the_disk_too(tmp_path):
    worst_outcomes([]).save(tmp_path / "none.npz")
    assert QueryOutcomes.load(tmp_path / "none.npz").ids == ()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 torn", b"not an archive"])
def test_broken_outcomes_file_is_named(tmp_path, content):
    path = tmp_path / "torn.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SetupError, match=r"torn\.npz"):
        QueryOutcomes.load(path)


def test_outcomes_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="do not fit"):
        QueryOutcomes(("a",), np.array([True, False]), ("x",))
    with pytest.raises(ValueError, match="twice"):
        QueryOutcomes(("a", "a"), np.array([True, False]), ("x", "y"))


def test_worst_outcomes_miss_everything():
    worst = worst_outcomes(["a", "b"])
    assert not worst.hit.any()
    assert worst.returned == ("", "")


def test_average_is_the_mean_and_keeps_the_queries(harbour):
    ranking, queries, _ = harbour
    bad = measure_ranking(ranking, queries)
    good = dataclasses.replace(
        bad,
        recall_at={1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0},
        per_class={"ferry": wilson_interval(1, 1), "tug": wilson_interval(2, 2)},
        per_facet={"light": {"day": wilson_interval(1, 1), "night": wilson_interval(2, 2)}},
    )
    mean = average_measurements([bad, good])
    assert mean.recall_at[1] == pytest.approx(2 / 3)
    assert mean.queries == 3
    assert mean.per_class["tug"] == wilson_interval(1.5, 2)
    assert mean.per_facet["light"]["night"] == wilson_interval(1, 2)
    assert average_measurements([bad]) == bad


def test_average_refuses_other_queries(harbour):
    ranking, queries, _ = harbour
    one = measure_ranking(ranking, queries)
    with pytest.raises(ValueError, match="different queries"):
        average_measurements([one, dataclasses.replace(one, queries=2)])
    with pytest.raises(ValueError, match="no measurement"):
        average_measurements([])


@given(count=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_holds_the_value_and_stays_in_bounds(count, share):
    found = wilson_interval(share * count, count)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high > found.low


def test_wilson_agrees_with_scipy():
    from scipy import stats

    for hits, count in [(0, 10), (7, 10), (31, 320), (320, 320)]:
        expected = stats.binomtest(hits, count).proportion_ci(method="wilson")
        found = wilson_interval(hits, count)
        assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


def test_wilson_without_observations_is_refused():
    with pytest.raises(ValueError, match="0 observations"):
        wilson_interval(0, 0)


@pytest.mark.parametrize(("hits", "count"), [(-1, 4), (5, 4)])
def test_wilson_refuses_impossible_counts(hits, count):
    with pytest.raises(ValueError, match="hits among"):
        wilson_interval(hits, count)


def test_bootstrap_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        (found,) = bootstrap_means(generator.exponential(1.0, (80, 1)), seed=trial, rounds=300)
        covered += found.low <= 1.0 <= found.high
    assert 175 <= covered <= 199
    values = np.arange(10.0)[:, None]
    assert bootstrap_means(values, seed=1) == bootstrap_means(values, seed=1)
    assert bootstrap_means(values, seed=1) != bootstrap_means(values, seed=2)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_means(np.zeros((0, 1)), seed=0)
