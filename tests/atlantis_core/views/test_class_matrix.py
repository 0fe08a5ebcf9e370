from __future__ import annotations

import itertools

import numpy as np
import pytest

from atlantis_core.views.class_matrix import compute_confusion, compute_similarity, order_by_similarity


def test_mean_nearness_agrees_with_a_slow_loop_over_pairs():
    generator = np.random.default_rng(0)
    points = generator.normal(size=(1100, 4))  # more rows than are held at once
    labels = generator.integers(0, 7, 1100)
    labels[labels == 6] = 5
    labels[17] = 6  # a class of one image has no pair of its own
    found = compute_similarity(lambda rows: points[rows] @ points.T, labels, 7)
    products = points @ points.T
    for one, other in itertools.product(range(7), repeat=2):
        pairs = [
            products[i, j] for i in np.flatnonzero(labels == one) for j in np.flatnonzero(labels == other) if i != j
        ]
        assert found[one, other] == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)
    assert np.isnan(found[6, 6])


def test_confusion_is_counted_by_row():
    labels = ["tug", "tug", "tug", "ferry", "sloop"]
    answers = ["tug", "ferry", "ferry", "yacht", "sloop"]
    found = compute_confusion(labels, answers, ["ferry", "schooner", "tug"])
    expected = np.array([[0, 0, 0], [np.nan] * 3, [2 / 3, 0, 1 / 3]])
    assert np.array_equal(found, expected, equal_nan=True)


def test_likes_stand_together_wherever_they_were():
    team = np.array([0, 1, 2] * 4)
    generator = np.random.default_rng(1)
    nearness = np.where(team[:, None] == team, 0.8, 0.1) + 0.05 * generator.random((12, 12))
    order = order_by_similarity(nearness)
    assert sorted(order) == list(range(12))
    assert len(list(itertools.groupby(team[order].tolist()))) == 3
    assert order == order_by_similarity(nearness)


def test_confused_classes_stand_together():
    shares = np.eye(6) * 0.5
    for one, other in ((0, 5), (2, 4)):
        shares[one, other] = 0.5
    order = order_by_similarity(shares)
    assert abs(order.index(0) - order.index(5)) == 1
    assert abs(order.index(2) - order.index(4)) == 1


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_classes_without_anything_known_have_an_order_too(classes):
    assert sorted(order_by_similarity(np.full((classes, classes), np.nan))) == list(range(classes))
