"""Unlabelled photos under corrected class means, against a direct implementation, and on a class without photos."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import NO_CLASS, Photos
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import parse_serving


def take_directly(gallery: Photos, pool: np.ndarray, k: int, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the pool and their classes."""
    classes = np.unique(gallery.labels)
    share = int(np.ceil(len(pool) / len(classes)))
    rows, labels = np.array([], int), np.array([], int)
    for _ in range(rounds):
        vectors = np.concatenate([gallery.vectors, pool[rows]]).astype(np.float64)
        owners = np.concatenate([gallery.labels, labels])
        means = np.stack([vectors[owners == one].sum(axis=0) for one in classes])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        cosines = pool @ means.T
        hubness = np.sort(cosines, axis=0)[-k:].mean(axis=0)
        scores = 2 * cosines - hubness
        best = scores.argmax(axis=1)
        ranked = np.sort(scores, axis=1)
        sure = ranked[:, -1] - ranked[:, -2]
        rows = np.array(
            sorted(
                row
                for one in range(len(classes))
                for row in sorted(np.flatnonzero(best == one), key=lambda row: -sure[row])[:share]
            )
        )
        labels = classes[best[rows]]
    return rows, labels


@pytest.mark.parametrize(("k", "rounds"), [(10, 3), (3, 1), (25, 5)])
def test_it_takes_what_a_direct_implementation_takes(k, rounds, draw):
    gallery, pool = draw(1, 40), draw(2, 90, labelled=False)
    served = parse_serving(f"rectify:k={k},rounds={rounds}").fit(gallery, pool)
    rows, labels = take_directly(gallery, pool.vectors, k, rounds)
    np.testing.assert_array_equal(served.entries.vectors[40:], pool.vectors[rows])
    np.testing.assert_array_equal(served.entries.labels[40:], labels)
    assert (served.entries.photos[40:] == -1).all()
    counts = np.bincount(served.entries.labels[40:])
    assert counts.max() <= 18, "an equal share of 90 photos over 5 classes"


def draw_cold(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw photos of eight classes that share a direction, since they are all photos."""
    centres = np.random.default_rng(7).normal(size=(8, 24))
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 8
    vectors = centres[labels] + 0.6 * generator.normal(size=(count, 24)) + 4 * np.eye(24)[0]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def test_classes_of_synthetic_images_alone_are_found_by_the_photos_they_take():
    vectors, labels = draw_cold(1, 160)
    synthetic = vectors - 0.9 * np.eye(24, dtype=np.float32)[0]  # not where photos are
    synthetic /= np.linalg.norm(synthetic, axis=1, keepdims=True)
    cold = labels < 2
    gallery = Photos(np.where(cold[:, None], synthetic, vectors).astype(np.float32), labels)
    pool = Photos(draw_cold(2, 240)[0], np.full(240, NO_CLASS))
    queries = Photos(*draw_cold(3, 80))
    asked = queries.labels < 2

    def recall(serving: str) -> float:
        hits = rank_served(parse_serving(serving).fit(gallery, pool), queries).first_hit
        return float((hits[asked] == 0).mean())

    assert recall("") == recall("prototypes") == 0
    assert recall("prototypes+csls") < 0.5
    assert recall("rectify+prototypes+csls") > 0.9


def test_without_unlabelled_photos_it_is_refused(draw):
    with pytest.raises(SetupError, match=r"--pool FOLDER"):
        parse_serving("rectify").fit(draw(1, 20), draw(2, 20))
