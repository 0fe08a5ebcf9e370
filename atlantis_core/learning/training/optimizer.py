"""The optimiser of a training, and how its learning rates run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from atlantis_core.learning.models.split_backbone import layer_depths

if TYPE_CHECKING:
    import torch
    from torch import nn

    from atlantis_core.learning.losses.interface import LossModule
    from atlantis_core.learning.recipe import Recipe


def make_optimizer(trunk: nn.Module, head: nn.Module, loss: LossModule, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW (Loshchilov and Hutter 2019) that decays matrices only.

    Proxies are directions: there is nothing to decay. A layer of the trunk learns `layer_decay` times as fast as
    the one above it (Clark et al. 2020, ELECTRA, appendix A).

    Args:
        trunk: Its parameters that want gradients are trained.
        head: Trained as a whole.
        loss: Trained at its own rate, where it has parameters.
        recipe: Rates and decays.
    """
    import torch

    groups: dict[tuple[float, float], list[Any]] = {}
    for layer_rate, parameter in _backbone_groups(trunk, recipe):
        groups.setdefault((layer_rate, _weight_decay_of(parameter, recipe)), []).append(parameter)
    built: list[dict[str, Any]] = [
        {"params": chosen, "peak": rate, "weight_decay": decay, "trunk": True}
        for (rate, decay), chosen in sorted(groups.items(), key=lambda item: item[0], reverse=True)
    ]
    built.append({"params": list(head.parameters()), "peak": recipe.lr_head, "weight_decay": recipe.weight_decay})
    built.append({"params": list(loss.parameters()), "peak": loss.lr, "weight_decay": 0.0})
    return torch.optim.AdamW([{"trunk": False, "lr": group["peak"], **group} for group in built if group["params"]])


def set_rates(optimizer: torch.optim.Optimizer, step: int, recipe: Recipe) -> None:
    """Set every group's learning rate for a step: its peak by the schedule; the trunk rests for `head_steps`."""
    for group in optimizer.param_groups:
        resting = group["trunk"] and step < recipe.head_steps
        group["lr"] = 0.0 if resting else group["peak"] * rate_factor(step, recipe)


def rate_factor(step: int, recipe: Recipe) -> float:
    """Return the share of the peak learning rate at a step (Loshchilov and Hutter 2017, eq. 5, after a warm-up)."""
    if step < recipe.warmup_steps:
        return (step + 1) / (recipe.warmup_steps + 1)
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))


def _backbone_groups(trunk: nn.Module, recipe: Recipe) -> list[tuple[float, Any]]:
    """Return every trained parameter of the trunk with its peak learning rate."""
    trained = [(name, parameter) for name, parameter in trunk.named_parameters() if parameter.requires_grad]
    if recipe.layer_decay == 1.0 or not trained:
        return [(recipe.lr_trunk, parameter) for _, parameter in trained]
    depth_of = layer_depths(trunk)
    top = max(depth_of[name] for name, _ in trained)
    return [(recipe.lr_trunk * recipe.layer_decay ** (top - depth_of[name]), p) for name, p in trained]


def _weight_decay_of(parameter: Any, recipe: Recipe) -> float:
    return recipe.weight_decay if parameter.ndim > 1 else 0.0
