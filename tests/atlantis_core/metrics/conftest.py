"""Rankings made to order: draw the wanted ranks first, then embeddings that yield them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from atlantis_core.metrics.ranking import Ranking, rank_gallery
from atlantis_core.records import LabelledImage

RankOf = Callable[[Sequence[Sequence[bool]]], Ranking]


def _rank_relevance(relevance: Sequence[Sequence[bool]]) -> Ranking:
    """Rank one query per row so that its gallery comes back exactly in the order of the row.

    All queries look along the first axis; a gallery image at cosine c is (c, sqrt(1 - c^2)). Rows share no gallery:
    each is ranked alone, and the columns are put together.
    """
    width = max(len(row) for row in relevance)
    cosine = np.linspace(0.9, -0.9, width, dtype=np.float32)
    gallery = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1)
    query = np.array([[1.0, 0.0]], np.float32)
    parts = []
    for row in relevance:
        labels = np.array([0 if right else 1 for right in row], np.int64)
        parts.append(rank_gallery(query, np.zeros(1, np.int64), gallery[: len(row)], labels))
    fields = ("first_hit", "positives", "nearest", "ap_at_r", "r_precision")
    return Ranking(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


@pytest.fixture
def rank_relevance() -> RankOf:
    """Rank queries by relevance lists: `rank_relevance([[False, True], [True, True, False]])`."""
    return _rank_relevance


@pytest.fixture
def scene() -> Callable[..., tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Draw unit embeddings in classes: `scene(seed, number, classes, side)` -> (N, D), (N,)."""

    def draw(seed: int, number: int, classes: int, side: int = 6) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        generator = np.random.default_rng(seed)
        centres = generator.normal(size=(classes, side))
        labels = generator.integers(0, classes, number)
        points = centres[labels] + 0.9 * generator.normal(size=(number, side))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        return points.astype(np.float32), labels.astype(np.int64)

    return draw


@pytest.fixture
def image() -> Callable[..., LabelledImage]:
    """Build an image record: `image("id", "label", light="night")`."""

    def build(identity: str, label: str, **facets: str) -> LabelledImage:
        return LabelledImage(identity, f"/nowhere/{identity}.jpg", label, "validation", facets=facets)

    return build
