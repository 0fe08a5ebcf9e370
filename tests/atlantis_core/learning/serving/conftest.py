"""Embeddings in classes, drawn by a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from atlantis_core.learning.serving.interface import NO_CLASS, Photos

Draw = Callable[..., Photos]


@pytest.fixture
def draw() -> Draw:
    """Draw photos of five classes: `draw(seed, 40)`; `labelled=False` for a pool."""
    centres = np.random.default_rng(99).normal(size=(5, 8))

    def photos(seed: int, count: int, *, labelled: bool = True, spread: float = 1.2) -> Photos:
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 5, count)
        vectors = centres[labels] + spread * generator.normal(size=(count, 8))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        numbers = labels if labelled else np.full(count, NO_CLASS)
        facets = tuple({"visit": "AB"[int(row)]} for row in generator.integers(0, 2, count))
        return Photos(vectors.astype(np.float32), numbers.astype(np.int64), facets)

    return photos
