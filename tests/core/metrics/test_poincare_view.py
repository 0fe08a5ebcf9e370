from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atlantis_core.errors import TrainingFailed
from atlantis_core.learning.poincare import distances, expmap0
from atlantis_core.metrics.poincare_view import as_cosines
from atlantis_core.metrics.ranking import rank


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), c=st.sampled_from([0.01, 0.1, 1.0]), length=st.floats(0.1, 1.5))
def test_cosines_sort_as_geodesic_distances_do(seed: int, c: float, length: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    points = expmap0(length * torch.randn(30, 4, generator=draw) / 2, c)
    apart = distances(points[:10], points[10:], c).double().numpy()
    queries, gallery = as_cosines(points[:10].numpy(), points[10:].numpy(), c)
    cosines = queries.astype(np.float64) @ gallery.T.astype(np.float64)
    by_distance = np.take_along_axis(cosines, np.argsort(apart, axis=1), axis=1)
    assert np.diff(by_distance, axis=1).max() < 1e-6  # falling, but for the rounding of float32
    assert np.allclose(np.linalg.norm(gallery, axis=1), 1, atol=1e-6)
    assert np.allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-6)


def test_an_order_that_plain_cosines_miss() -> None:
    """Same direction but far out loses against another direction near the origin."""
    query, gallery = np.array([[0.1, 0.0]], np.float32), np.array([[0.95, 0.0], [0.0, 0.1]], np.float32)
    asked, found = as_cosines(query, gallery, 1.0)
    assert rank(asked, np.array([0]), found, np.array([0, 1])).nearest.tolist() == [1]
    unit = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    assert rank(query / 0.1, np.array([0]), unit, np.array([0, 1])).nearest.tolist() == [0]


def test_nothing_to_search_and_what_diverged() -> None:
    queries, gallery = as_cosines(np.zeros((2, 3), np.float32), np.zeros((0, 3), np.float32), 0.1)
    assert queries.shape == (2, 5)
    assert gallery.shape == (0, 5)
    with pytest.raises(TrainingFailed, match="not finite"):
        as_cosines(np.full((1, 2), np.nan, np.float32), np.zeros((1, 2), np.float32), 0.1)
