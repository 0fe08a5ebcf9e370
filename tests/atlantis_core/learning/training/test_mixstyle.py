"""MixStyle against the paper's formula, written again with numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from atlantis_core.learning.training.mixstyle import mix_style


def given(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).normal(2.0, 3.0, shape)).float()


@pytest.mark.parametrize(("shape", "over"), [((6, 4, 5, 5), (2, 3)), ((6, 9, 4), (1,))])
def test_styles_are_those_between_two_images_and_the_content_stays(
    shape: tuple[int, ...], over: tuple[int, ...]
) -> None:
    before = given(shape)
    after = mix_style(before, 1.0, seed=0, step=3).numpy()
    old = before.numpy()
    means, spreads = old.mean(axis=over, keepdims=True), old.std(axis=over, keepdims=True)
    new_means, new_spreads = after.mean(axis=over, keepdims=True), after.std(axis=over, keepdims=True)
    assert np.abs((after - new_means) / new_spreads - (old - means) / spreads).max() < 1e-3

    def fits(row: int, other: int) -> bool:
        """Whether one share explains all channels of a row as a mixture with another row."""
        change, way = (new_means - means)[row].ravel(), (means[other] - means[row]).ravel()
        share = float(change @ way / max(way @ way, 1e-12))
        spread = spreads[row] + share * (spreads[other] - spreads[row])
        is_line = np.abs(change - share * way).max() < 1e-3 and np.abs(spread - new_spreads[row]).max() < 1e-3
        return bool(is_line and -1e-3 <= share <= 1 + 1e-3)

    assert all(any(fits(row, other) for other in range(6)) for row in range(6))
    assert np.abs(after - old).max() > 0.1


def test_the_share_of_steps_that_mix_and_their_seeds() -> None:
    before = given((4, 3, 4, 4))
    mixed = [not torch.equal(mix_style(before, 0.5, 0, step), before) for step in range(200)]
    assert 70 <= sum(mixed) <= 130
    assert torch.equal(mix_style(before, 0.0, 0, 1), before)
    assert torch.equal(mix_style(before, 1.0, 0, 1), mix_style(before, 1.0, 0, 1))
    assert not torch.equal(mix_style(before, 1.0, 0, 1), mix_style(before, 1.0, 0, 2))


def test_pooled_features_have_no_style() -> None:
    pooled = given((4, 8))
    assert torch.equal(mix_style(pooled, 1.0, 0, 0), pooled)
