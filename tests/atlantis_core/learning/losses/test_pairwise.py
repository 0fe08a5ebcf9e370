from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from losses import released_distances, released_loss, released_similarities

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.losses.pairwise import pairwise_cross_entropy
from atlantis_core.learning.models.poincare import distances, expmap0
from atlantis_core.learning.training.presets import parse_preset

HYPERBOLIC = parse_preset("hyperbolic")
SPHERICAL = parse_preset("cpu", loss="spherical_pairs", temperature=0.2)


def embeddings(classes: int, samples: int, c: float, dims: int = 8, dtype: torch.dtype = torch.float) -> torch.Tensor:
    """(P, K, D), in the ball or on the sphere."""
    drawn = torch.randn(classes, samples, dims, dtype=dtype, generator=torch.Generator().manual_seed(5))
    return expmap0(drawn * 0.5, c) if c else torch.nn.functional.normalize(drawn, dim=2)


@pytest.mark.parametrize(("recipe", "c"), [(HYPERBOLIC, 0.1), (SPHERICAL, 0.0)], ids=["hyperbolic", "spherical"])
@pytest.mark.parametrize(("classes", "samples"), [(2, 2), (7, 4), (5, 11)])
def test_all_pairs_at_once_are_the_released_double_loop(recipe, c: float, classes: int, samples: int) -> None:
    z = embeddings(classes, samples, c).requires_grad_()
    labels = torch.arange(classes).repeat_interleave(samples)
    found = make_loss(recipe, classes, 8, 0)(z.reshape(-1, 8), labels)
    wanted = released_loss(z, 0.2, released_similarities(c, epsilon=0.0))
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)
    (mine,) = torch.autograd.grad(found, z)
    (theirs,) = torch.autograd.grad(wanted, z)
    assert torch.allclose(mine, theirs, atol=1e-5)
    released = released_loss(z, 0.2, released_similarities(c))
    assert found.item() == pytest.approx(released.item(), abs=1e-4)  # their epsilon moves every distance a little


def test_distances_of_the_oracle_are_ours() -> None:
    z = embeddings(3, 3, 0.1).reshape(-1, 8)
    assert torch.allclose(distances(z[:4], z[4:], 0.1), released_distances(z[:4], z[4:], 0.1, 0.0), atol=1e-5)


def test_a_loss_counted_by_hand() -> None:
    """Two classes of two: each pair has one right logit, one wrong one of z_j, one wrong one of z_i."""
    similarities = torch.tensor([[9, 1, 2, 3], [1, 9, 4, 5], [2, 4, 9, 6], [3, 5, 6, 9.0]])
    labels = torch.tensor([0, 0, 1, 1])  # rows: class 0 first, second; class 1 first, second

    def one(right: float, *wrong: float) -> float:
        return math.log(sum(math.exp(value) for value in (right, *wrong))) - right

    wanted = (one(1, 3, 2) + one(6, 4, 2) + one(1, 4, 5) + one(6, 3, 5)) / 4
    assert pairwise_cross_entropy(similarities, labels, 1.0).item() == pytest.approx(wanted, abs=1e-6)
    assert pairwise_cross_entropy(3 * similarities, labels, 3.0).item() == pytest.approx(wanted, abs=1e-6)


def test_equal_embeddings_cost_the_logarithm_of_their_number() -> None:
    labels = torch.arange(6).repeat_interleave(3)
    found = pairwise_cross_entropy(torch.zeros(18, 18), labels, 0.2)
    assert found.item() == pytest.approx(math.log(2 * 6 - 1), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99))
def test_the_order_of_classes_does_not_matter(seed: int) -> None:
    z = embeddings(5, 3, 0.1).reshape(5, 24)
    labels = torch.arange(5).repeat_interleave(3)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    loss = make_loss(HYPERBOLIC, 5, 8, 0)
    shuffled = loss(z[order].reshape(-1, 8), order.repeat_interleave(3))
    assert shuffled.item() == pytest.approx(loss(z.reshape(-1, 8), labels).item(), abs=1e-5)


@pytest.mark.parametrize(("recipe", "c"), [(HYPERBOLIC, 0.1), (SPHERICAL, 0.0)])
def test_gradients_are_right(recipe, c: float) -> None:
    z = embeddings(3, 3, c, 4, torch.double).reshape(-1, 4).requires_grad_()
    labels = torch.arange(3).repeat_interleave(3)
    assert torch.autograd.gradcheck(lambda points: make_loss(recipe, 3, 4, 0)(points, labels), (z,))


@pytest.mark.parametrize("length", [0.0, 1e-8, 1.9, 3.16])
def test_a_collapsed_batch_has_finite_gradients(length: float) -> None:
    """A small class shows one view twice in a batch; a collapsed model shows one point only."""
    z = torch.zeros(6, 4)
    z[:, 0] = length
    z.requires_grad_()
    loss = make_loss(HYPERBOLIC, 2, 4, 0)(z, torch.tensor([0, 0, 0, 1, 1, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(3), abs=1e-4)
    assert z.grad is not None
    assert bool(torch.isfinite(z.grad).all())


@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 1, 2, 3]])
def test_batches_without_pairs_are_reported(labels: list[int]) -> None:
    with pytest.raises(SetupError, match="images_per_class"):
        pairwise_cross_entropy(torch.zeros(len(labels), len(labels)), torch.tensor(labels), 0.2)
