"""The optimiser of a training, and the schedule of its learning rates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    from atlantis_core.learning.losses.interface import LossModule
    from atlantis_core.learning.recipe import Recipe


def make_optimizer(backbone: nn.Module, head: nn.Module, loss: LossModule, recipe: Recipe) -> torch.optim.AdamW:
    """Create AdamW (Loshchilov and Hutter 2019) with weight decay on matrices only.

    Proxies are directions, so they are not decayed. The learning rate of a backbone layer is `layer_decay` times that
    of the layer above it (Clark et al. 2020, ELECTRA, appendix A).

    Args:
        backbone: Its parameters that require gradients are trained.
        head: All its parameters are trained.
        loss: Its parameters, if any, are trained at its own learning rate.
        recipe: Learning rates and decays.
    """
    import torch
    from timm.optim import param_groups_layer_decay, param_groups_weight_decay

    if recipe.layer_decay == 1.0:
        groups = param_groups_weight_decay(backbone, recipe.weight_decay)
    else:
        groups = param_groups_layer_decay(
            backbone,
            recipe.weight_decay,
            layer_decay=recipe.layer_decay,
            weight_decay_exclude_1d=recipe.weight_decay > 0,  # without decay, one group per layer is enough
        )
    built: list[dict[str, Any]] = [
        {"peak": recipe.lr_trunk * group.pop("lr_scale", 1.0), "is_backbone": True, **group} for group in groups
    ]
    # saved states number the parameters: this order is part of their format
    built.sort(key=lambda group: (group["peak"], group["weight_decay"]), reverse=True)
    built.append({"params": list(head.parameters()), "peak": recipe.lr_head, "weight_decay": recipe.weight_decay})
    built.append({"params": list(loss.parameters()), "peak": loss.lr, "weight_decay": 0.0})
    return torch.optim.AdamW(
        [{"is_backbone": False, "lr": group["peak"], **group} for group in built if group["params"]]
    )


def set_rates(optimizer: torch.optim.Optimizer, step: int, recipe: Recipe) -> None:
    """Set every group's learning rate for a step by the schedule; the backbone's is 0 for `head_steps` steps."""
    for group in optimizer.param_groups:
        is_frozen = group["is_backbone"] and step < recipe.head_steps
        group["lr"] = 0.0 if is_frozen else group["peak"] * rate_factor(step, recipe)


def rate_factor(step: int, recipe: Recipe) -> float:
    """Return the share of the peak learning rate at a step (Loshchilov and Hutter 2017, eq. 5, after a warm-up)."""
    if step < recipe.warmup_steps:
        return (step + 1) / (recipe.warmup_steps + 1)
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))
