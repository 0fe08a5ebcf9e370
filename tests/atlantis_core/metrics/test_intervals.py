from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.metrics.intervals import bootstrap_means


def test_resamples_drawn_in_pieces_are_bounded_and_repeat():
    values = (np.random.default_rng(0).random((30_000, 2)) < [0.3, 0.9]).astype(np.float64)
    once, again = (bootstrap_means(values, seed=1, rounds=100) for _ in range(2))
    assert once == again != bootstrap_means(values, seed=2, rounds=100)
    for one in once:
        normal = 1.96 * (one.value * (1 - one.value) / 30_000) ** 0.5
        assert (one.high - one.low) / 2 == pytest.approx(normal, rel=0.3)
    assert bootstrap_means(values[:, :1], seed=1, rounds=100) == once[:1]
