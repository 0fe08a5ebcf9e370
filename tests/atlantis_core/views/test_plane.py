from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.views.plane import project_to_plane


def clusters(seed: int, side: int = 20):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(4), 15)
    points = 3 * np.eye(4, side)[labels] + 0.3 * generator.normal(size=(60, side))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), labels


def nearest_share(places, labels) -> float:
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(len(places))
    return float((labels[apart.argmin(axis=1)] == labels).mean())


@pytest.mark.parametrize("with_distances", [False, True])
def test_neighbours_stay_neighbours_and_it_repeats(with_distances):
    points, labels = clusters(0)
    apart = np.linalg.norm(points[:, None].astype(np.float64) - points[None], axis=2) if with_distances else None
    places = project_to_plane(points, apart)
    assert places.shape == (60, 2)
    assert np.abs(places).max() == pytest.approx(0.5)
    assert nearest_share(places, labels) == 1.0
    assert places.tolist() == project_to_plane(points, apart).tolist()


def test_the_distances_that_are_handed_in_decide():
    points, labels = clusters(1)
    other = np.random.default_rng(0).permutation(labels)
    apart = np.where(other[:, None] == other, 0.1, 5.0) * (1 - np.eye(60))
    assert (
        nearest_share(project_to_plane(points, apart), other) > 0.9 > nearest_share(project_to_plane(points), other)
    )


@pytest.mark.parametrize(("number", "side"), [(2, 1), (3, 8), (4, 2), (5, 1), (6, 3), (12, 2)])
def test_few_images_and_few_dimensions_are_laid_out(number, side):
    points = np.random.default_rng(2).normal(size=(number, side)).astype(np.float32)
    places = project_to_plane(points)
    assert places.shape == (number, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == number


@pytest.mark.parametrize("number", [1, 40])
def test_one_point_is_no_map(number):
    with pytest.raises(SetupError, match=f"all {number} embeddings are the same point"):
        project_to_plane(np.full((number, 3), 0.5, np.float32))
