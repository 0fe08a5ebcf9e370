from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import timm
import torch
from torch import nn

from atlantis_core.learning.losses.losses import make_loss
from atlantis_core.learning.models.split_backbone import layer_depths, split_backbone
from atlantis_core.learning.recipe import Recipe
from atlantis_core.learning.training.early_stopping import BestWeights
from atlantis_core.learning.training.optimizer import make_optimizer, rate_factor, set_rates
from atlantis_core.learning.training.weight_averaging import MovingAverage, StartingWeights


def optimizer_of(recipe: Recipe) -> tuple[nn.Module, torch.optim.Optimizer]:
    backbone = timm.create_model("test_vit", num_classes=0)
    split_backbone(backbone, recipe.trainable_fraction)
    loss = make_loss(recipe, 3, 8, 0)
    return backbone, make_optimizer(backbone, nn.Linear(64, 8, bias=False), loss, recipe)


def rates_of(backbone: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, float]]:
    """Return peak rate and weight decay of every trained parameter of the backbone."""
    settings = {
        id(p): (float(group["peak"]), float(group["weight_decay"]))
        for group in optimizer.param_groups
        for p in group["params"]
    }
    return {name: settings[id(p)] for name, p in backbone.named_parameters() if p.requires_grad}


def test_lower_layers_learn_slower_and_only_matrices_decay(recipe: Recipe) -> None:
    backbone, optimizer = optimizer_of(replace(recipe, trainable_fraction=1.0, layer_decay=0.5, lr_trunk=0.8))
    rates, depth_of = rates_of(backbone, optimizer), layer_depths(backbone)
    top = max(depth_of[name] for name in rates)
    assert len({depth_of[name] for name in rates}) > 2
    for name, (rate, decay) in rates.items():
        assert rate == pytest.approx(0.8 * 0.5 ** (top - depth_of[name]))
        assert (decay > 0) == (backbone.get_parameter(name).ndim > 1)


def test_every_trained_parameter_is_in_one_group(recipe: Recipe) -> None:
    for decay in (1.0, 0.7):
        changed = replace(recipe, layer_decay=decay, loss="proxy_anchor")
        backbone, optimizer = optimizer_of(changed)
        grouped = [p for group in optimizer.param_groups for p in group["params"]]
        assert len({id(p) for p in grouped}) == len(grouped)
        assert len(grouped) == sum(p.requires_grad for p in backbone.parameters()) + 2


def test_the_backbone_rests_while_the_head_starts(recipe: Recipe) -> None:
    resting = replace(recipe, head_steps=3, warmup_steps=2, steps=10, lr_trunk=0.1, lr_head=0.2)
    _, optimizer = optimizer_of(resting)
    for step in range(10):
        set_rates(optimizer, step, resting)
        factor = rate_factor(step, resting)
        for group in optimizer.param_groups:
            peak = 0.1 if group["is_backbone"] else 0.2
            assert group["lr"] == pytest.approx(0.0 if group["is_backbone"] and step < 3 else peak * factor)


def test_rates_warm_up_and_then_fall_along_a_cosine(recipe: Recipe) -> None:
    factors = [rate_factor(step, replace(recipe, warmup_steps=4, steps=20)) for step in range(21)]
    assert factors[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert factors[4] == 1.0
    assert factors[12] == pytest.approx(0.5)
    assert factors[20] == pytest.approx(0.0)
    assert all(a >= b for a, b in pairwise(factors[4:]))


def test_the_mean_is_the_sum_it_says() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    average = MovingAverage([parameter], decay=0.5)
    expected = 0.0
    for step in range(1, 30):
        with torch.no_grad():
            parameter.fill_(float(step))
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert torch.allclose(average.means[0], torch.full((2,), expected))
    average.apply()
    assert torch.allclose(parameter, torch.full((2,), expected))


def test_the_mixture_is_part_of_the_way_back() -> None:
    parameter = nn.Parameter(torch.full((2,), 4.0))
    start = StartingWeights([parameter], share=0.25)
    with torch.no_grad():
        parameter.fill_(8.0)
    start.mix()
    assert torch.equal(parameter, torch.full((2,), 7.0))


def test_the_earliest_of_equals_is_kept() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    best = BestWeights([parameter], patience=2)
    going_on = []
    for step, value in enumerate([0.1, 0.3, 0.3, 0.2], start=1):
        with torch.no_grad():
            parameter.fill_(float(step))
        going_on.append(best.consider(step, value))
    assert going_on == [True, True, True, False]
    best.apply()
    assert parameter.item() == 2
    assert best.best == (2, 0.3)
