"""Made-up embeddings: classes with groups of photos (shelves), labelled ones on some and a pool on others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH = 24


def unit(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the points, (N, D), on the unit sphere."""
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), np.float32)


def draw_world(
    classes: int = 8, shelves: int = 5, photos: int = 6, blur: float = 0.5, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.str_], NDArray[np.int64]]:
    """Return embeddings (N, D), labels (N,) and shelves (N,): photos of a shelf are more alike than of a class."""
    rng = np.random.default_rng(seed)
    points, labels, places = [], [], []
    for number in range(classes):
        centre = rng.normal(size=WIDTH)
        for shelf in range(shelves):
            middle = centre + blur * rng.normal(size=WIDTH)
            points.append(middle + 0.3 * blur * rng.normal(size=(photos, WIDTH)))
            labels += [f"c{number}"] * photos
            places += [shelf] * photos
    return unit(np.concatenate(points)), np.array(labels), np.array(places)
