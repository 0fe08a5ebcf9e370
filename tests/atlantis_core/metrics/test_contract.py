"""What every metric in the registry keeps to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from atlantis_core.metrics import METRICS
from atlantis_core.metrics.rank_counters import TIE
from atlantis_core.metrics.ranking import Ranking, rank_gallery
from atlantis_core.metrics.retrieval_metrics import recall_at_k


def _slow_recall(order: Sequence[bool]) -> float:
    return float(order[0])


def _slow_map(order: Sequence[bool]) -> float:
    wanted = sum(order)
    return sum(sum(order[: i + 1]) / (i + 1) for i in range(wanted) if order[i]) / wanted


def _slow_r_precision(order: Sequence[bool]) -> float:
    wanted = sum(order)
    return sum(order[:wanted]) / wanted


SLOW: dict[str, Callable[[Sequence[bool]], float]] = {
    "recall_at_k": _slow_recall,
    "map_at_r": _slow_map,
    "r_precision": _slow_r_precision,
}

MEASURES: dict[str, Callable[[Ranking], float | None]] = {
    "recall_at_k": recall_at_k,
    **{name: metric.measure for name, metric in METRICS.items()},
}

every_metric = pytest.mark.parametrize("name", sorted(MEASURES))


def metric(name: str) -> Callable[[Ranking], float | None]:
    return MEASURES[name]


def test_every_metric_has_a_slow_twin_and_a_direction():
    assert sorted(SLOW) == sorted(MEASURES)
    assert all(one.higher_is_better for one in METRICS.values()), "perfect is 1 and worst is 0 below"


@every_metric
def test_drawn_orders_agree_with_a_slow_loop(name, rank_relevance):
    generator = np.random.default_rng(5)
    orders = [(generator.random(int(width)) < 0.3).tolist() for width in generator.integers(2, 40, 80)]
    orders = [order for order in orders if any(order)]
    slow = sum(SLOW[name](order) for order in orders) / len(orders)
    assert metric(name)(rank_relevance(orders)) == pytest.approx(slow)


@every_metric
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(2, 60), classes=st.integers(1, 9))
def test_embeddings_agree_with_a_slow_loop(name, seed, number, classes):
    generator = np.random.default_rng(seed)
    points = generator.normal(size=(number, 5))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    labels = generator.integers(0, classes, number)
    per_query = []
    product = points @ points.T
    wrong = labels[:, None] != labels
    assume(
        not any((abs(np.subtract.outer(p[w], p[~w])) < 2 * TIE).any() for p, w in zip(product, wrong, strict=True))
    )
    similarity = product.tolist()
    for i in range(number):
        others = [j for j in range(number) if j != i]
        others.sort(key=lambda j: -similarity[i][j])
        order = [bool(labels[j] == labels[i]) for j in others]
        if any(order):
            per_query.append(SLOW[name](order))
    ranking = rank_gallery(points, labels, points, labels, np.arange(number))
    found = metric(name)(ranking)
    assert (found is None) is (not per_query)
    if found is not None:
        assert found == pytest.approx(sum(per_query) / len(per_query))
        assert 0 <= found <= 1
    assert ranking.num_left_out == number - len(per_query)


@every_metric
def test_perfect_ranking_gives_one(name, rank_relevance):
    assert metric(name)(rank_relevance([[True, True, False], [True, False, False, False]])) == 1


@every_metric
def test_worst_ranking_gives_zero(name, rank_relevance):
    assert metric(name)(rank_relevance([[False, False, True], [False, True]])) == 0


@every_metric
def test_no_query_is_no_figure(name, rank_relevance):
    assert metric(name)(rank_relevance([[False, False]])) is None


@every_metric
def test_a_query_without_partner_changes_nothing(name, rank_relevance):
    orders = [[False, True, True], [True, False, True]]
    assert metric(name)(rank_relevance([*orders, [False, False]])) == metric(name)(rank_relevance(orders))


@every_metric
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_the_gallery_changes_nothing(name, seed):
    generator = np.random.default_rng(seed)
    # A coarse grid of directions makes ties common.
    angle = generator.integers(0, 6, 40) * (np.pi / 6)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    labels = generator.integers(0, 4, 40)
    shuffled = generator.permutation(40)
    before = rank_gallery(points[:15], labels[:15], points, labels, np.arange(15))
    place = np.argsort(shuffled)[:15]
    after = rank_gallery(points[:15], labels[:15], points[shuffled], labels[shuffled], place)
    assert metric(name)(before) == metric(name)(after)
    assert labels[before.nearest].tolist() == labels[shuffled][after.nearest].tolist()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_recall_grows_with_k(seed):
    generator = np.random.default_rng(seed)
    angle = generator.random(50) * 6
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    labels = generator.integers(0, 12, 50)
    ranking = rank_gallery(points, labels, points, labels, np.arange(50))
    assert ranking.num_queries, "50 images of 12 classes"
    recalls = [found for k in range(1, 50) if (found := recall_at_k(ranking, k)) is not None]
    assert len(recalls) == 49
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1


@pytest.mark.parametrize("k", [0, -1])
def test_recall_refuses_a_k_below_one(k, rank_relevance):
    with pytest.raises(ValueError, match="at least 1"):
        recall_at_k(rank_relevance([[True]]), k)


def test_agrees_with_pytorch_metric_learning(scene):
    import torch
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    gallery, gallery_labels = scene(7, 400, 12)
    query, labels = scene(8, 150, 12)
    oracle = AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        k="max_bin_count",
        knn_func=CustomKNN(CosineSimilarity()),
        device=torch.device("cpu"),
    ).get_accuracy(
        torch.from_numpy(query),
        torch.from_numpy(labels),
        torch.from_numpy(gallery),
        torch.from_numpy(gallery_labels),
    )
    ranking = rank_gallery(query, labels, gallery, gallery_labels)
    assert metric("recall_at_k")(ranking) == pytest.approx(oracle["precision_at_1"])
    assert metric("r_precision")(ranking) == pytest.approx(oracle["r_precision"])
    assert metric("map_at_r")(ranking) == pytest.approx(oracle["mean_average_precision_at_r"])
