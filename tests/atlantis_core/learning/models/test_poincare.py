from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atlantis_core.learning.models.poincare import BORDER, clip_norm, distances, expmap0


def moebius_distance(x: np.ndarray, y: np.ndarray, c: float) -> float:
    """2 / sqrt(c) artanh(sqrt(c) |(-x) (+)_c y|) (Ganea et al. 2018, equation 4), in double precision."""
    x = -x
    dot, xx, yy = float(x @ y), float(x @ x), float(y @ y)
    added = ((1 + 2 * c * dot + c * yy) * x + (1 - c * xx) * y) / (1 + 2 * c * dot + c**2 * xx * yy)
    return 2 / math.sqrt(c) * math.atanh(math.sqrt(c) * float(np.linalg.norm(added)))


def ball(count: int, dims: int, c: float, seed: int = 0, length: float = 1.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return expmap0(length * torch.randn(count, dims, generator=draw) / dims**0.5, c)


@pytest.mark.parametrize("c", [0.01, 0.1, 1.0, 3.0])
@pytest.mark.parametrize("length", [1e-3, 0.5, 2.3])
def test_distances_are_those_of_the_moebius_sum(c: float, length: float) -> None:
    x, y = ball(7, 16, c, 0, length), ball(9, 16, c, 1, length)
    wanted = [[moebius_distance(a, b, c) for b in y.double().numpy()] for a in x.double().numpy()]
    assert np.allclose(distances(x, y, c).numpy(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("c", [0.1, 1.0])
def test_known_distances(c: float) -> None:
    """From the origin d(0, expmap0(v)) = 2 |v|; through it the two ways add up."""
    v = torch.tensor([[0.3, 0.4], [-0.6, -0.8]])
    points = torch.cat([expmap0(v, c), torch.zeros(1, 2)])
    found = distances(points, points, c)
    assert torch.allclose(found, torch.tensor([[0, 3, 1], [3, 0, 2], [1, 2, 0.0]]), atol=1e-5)


def test_a_flat_ball_has_twice_the_euclidean_distance() -> None:
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(distances(expmap0(x, 1e-8), expmap0(x, 1e-8), 1e-8), 2 * torch.cdist(x, x), atol=1e-3)


def test_clipping_keeps_direction_and_what_is_short() -> None:
    vectors = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    assert torch.allclose(clip_norm(vectors, 2.5), torch.tensor([[1.5, 2.0], [0.3, 0.4], [0.0, 0.0]]))


@pytest.mark.parametrize("far", [10.0, 1e4, 1e18])
def test_points_stay_inside_the_ball(far: float) -> None:
    points = expmap0(far * torch.eye(3), 0.1)
    border = (1 - BORDER) / 0.1**0.5
    assert border - 0.01 < points.norm(dim=1).min() <= points.norm(dim=1).max() < border + 1e-6


def test_gradients_are_right() -> None:
    vectors = torch.randn(6, 5, dtype=torch.double, generator=torch.Generator().manual_seed(3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: expmap0(clip_norm(v, 2.3), 0.1), (vectors,))

    def apart(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return distances(expmap0(x, 0.5), expmap0(y, 0.5), 0.5)

    assert torch.autograd.gradcheck(apart, (vectors, vectors.detach().flip(0).contiguous().add(0.1).requires_grad_()))


lengths = st.one_of(st.sampled_from([0.0, 1e-30, 1e-7, 1e-6, 1e-3, 1.0, 2.3, 50.0, 1e10]), st.floats(0, 100))


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(lengths, min_size=2, max_size=5), c=st.sampled_from([1e-3, 0.1, 1.0]), same=st.booleans())
@pytest.mark.parametrize("radius", [2.3, 1e6])
def test_values_and_gradients_are_finite_everywhere(
    lengths: list[float], c: float, same: bool, radius: float
) -> None:
    """At the origin, at the border, and where points fall together."""
    draw = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(len(lengths), 4, generator=draw), dim=1)
    if same:
        directions = directions[:1].expand(len(lengths), 4)
    vectors = (torch.tensor(lengths)[:, None] * directions).requires_grad_()
    found = distances(*2 * (expmap0(clip_norm(vectors, radius), c),), c)
    found.sum().backward()
    assert bool(torch.isfinite(found).all())
    assert vectors.grad is not None
    assert bool(torch.isfinite(vectors.grad).all())
