"""What every registered head promises: see `heads.Head`."""

from __future__ import annotations

import pytest
import torch

from atlantis_core.learning.models.heads import HEADS, head_facts, head_from_facts, make_head
from atlantis_core.metrics.distances import DISTANCES


@pytest.mark.parametrize("name", HEADS)
def test_a_head_keeps_its_promises(name: str) -> None:
    head = make_head(name)
    features = torch.randn(6, 8, generator=torch.Generator().manual_seed(0)) * head.reach
    placed = head.place(features)
    assert placed.shape == features.shape
    assert torch.isfinite(placed).all()
    assert head.kind == name
    assert head.distance in DISTANCES
    nearness = head.nearness(placed, placed)
    assert nearness.shape == (6, 6)
    assert (nearness.argmax(dim=1) == torch.arange(6)).all()  # nothing is nearer than the point itself


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_rebuilt_from_the_facts_of_a_checkpoint(name: str) -> None:
    head = make_head(name)
    assert head_from_facts(head_facts(head, 8)) == head


@pytest.mark.parametrize("name", HEADS)
def test_a_head_can_be_trained(name: str) -> None:
    head = make_head(name)
    features = torch.randn(4, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    head.nearness(head.place(features), head.place(features).detach().flip(0)).sum().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().sum() > 0
