from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.metrics.nmi import nmi


def test_clusters_that_are_the_classes_give_one():
    labels = np.repeat(np.arange(4), 12)
    centres = np.eye(4, dtype=np.float32)[labels]
    noise = 0.01 * np.random.default_rng(0).normal(size=centres.shape)
    assert nmi((centres + noise).astype(np.float32), labels, seed=0) == pytest.approx(1)


def test_better_embeddings_score_higher():
    generator = np.random.default_rng(1)
    labels = np.repeat(np.arange(10), 20)
    centres = generator.normal(size=(10, 8))[labels]
    noise = generator.normal(size=centres.shape)
    found = [nmi((centres + s * noise).astype(np.float32), labels, seed=0) for s in (0.5, 1.5, 100)]
    good, bad, none = (value for value in found if value is not None)
    assert 1 >= good > bad > none >= 0


def test_the_seed_decides(scene):
    points, labels = scene(2, 150, 12)
    assert nmi(points, labels, seed=3) == nmi(points, labels, seed=3)
    assert len({nmi(points, labels, seed=seed) for seed in range(4)}) > 1


@pytest.mark.parametrize("number", [0, 3])
def test_what_does_not_fit_is_refused(number):
    with pytest.raises(ValueError, match="do not fit"):
        nmi(np.zeros((number, 2), np.float32), np.zeros(number * 2, np.int64), seed=0)
