from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from atlantis_core.metrics.cells import cell_recalls
from atlantis_core.metrics.intervals import bootstrap, bootstraps, wilson
from atlantis_core.metrics.ranking import rank_images


@pytest.fixture
def drawn(image, scene):
    """Forty queries with two facets, some of which they lack."""
    points, labels = scene(4, 100, 9)
    generator = np.random.default_rng(1)
    queries = []
    for row in range(40):
        facets = {"light": ["day", "night"][generator.integers(2)]}
        if generator.random() < 0.7:
            facets["visit"] = str(generator.integers(3))
        queries.append(image(f"q{row}", f"class {labels[row]}", **facets))
    gallery = [image(f"g{row}", f"class {labels[row]}") for row in range(40, 100)]
    return rank_images(queries, points[:40], gallery, points[40:]), queries


def test_cells_agree_with_a_slow_count(drawn):
    ranking, queries = drawn
    hits: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for row, query in enumerate(queries):
        if ranking.partners[row]:
            for facet, value in query.facets.items():
                hits[query.label, facet, value].append(bool(ranking.first_hit[row] == 0))
    found = [one.facts() for one in cell_recalls(ranking, queries)]
    assert len(found) == len(hits)
    for one in found:
        own = hits[one["class"], one["facet"], one["value"]]
        interval = wilson(sum(own), len(own))
        assert (one["recall_at_1"], one["low"], one["high"]) == (interval.value, interval.low, interval.high)
        assert one["queries"] == len(own)
    assert [one["high"] for one in found] == sorted(one["high"] for one in found)


def test_a_cell_that_surely_fails_is_worse_than_one_with_one_query(image):
    angle = np.radians([0, 0, 0, 0, 90])
    placed = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    queries = [image(f"q{n}", "tug", light="night") for n in range(4)] + [image("q4", "ferry", light="night")]
    gallery = [image("g0", "ferry"), image("g1", "tug")]
    found = cell_recalls(rank_images(queries, placed, gallery, placed[[0, 4]]), queries)
    assert [(one.cell.class_name, one.recall_at_1.count) for one in found] == [("tug", 4), ("ferry", 1)]


def test_queries_must_fit(drawn):
    with pytest.raises(ValueError, match="do not fit a ranking of 40"):
        cell_recalls(drawn[0], drawn[1][:3])


def test_resamples_agree_with_a_slow_loop():
    values = np.random.default_rng(0).random((37, 3))
    drawn = np.random.default_rng(5).integers(0, 37, (400, 37))
    slow = [[sum(values[row, figure] for row in sample) / 37 for figure in range(3)] for sample in drawn]
    for figure, found in enumerate(bootstraps(values, seed=5, rounds=400)):
        low, high = np.quantile([means[figure] for means in slow], (0.025, 0.975))
        assert (found.value, found.low, found.high) == pytest.approx((values[:, figure].mean(), low, high))
        assert found.count == 37


def test_resamples_drawn_in_pieces_are_bounded_and_repeat():
    values = (np.random.default_rng(0).random((30_000, 2)) < [0.3, 0.9]).astype(np.float64)
    once, again = (bootstraps(values, seed=1, rounds=100) for _ in range(2))
    assert once == again != bootstraps(values, seed=2, rounds=100)
    for one in once:
        normal = 1.96 * (one.value * (1 - one.value) / 30_000) ** 0.5
        assert (one.high - one.low) / 2 == pytest.approx(normal, rel=0.3)
    assert bootstrap(values[:, 0], seed=1, rounds=100) == once[0]


def test_nothing_cannot_be_resampled():
    with pytest.raises(ValueError, match="no values"):
        bootstraps(np.zeros((0, 2)), seed=0)
