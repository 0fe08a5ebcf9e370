"""Split a timm backbone into a frozen lower part, whose outputs can be cached, and a trainable upper part."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_AFTER_BLOCKS = {
    "VisionTransformer": ("norm",),
    "EfficientNet": ("conv_head", "bn2"),
    "MobileNetV3": (),
}
"""Layers that `forward_features` runs after `blocks`, by the name of the timm class."""

FROZEN, UNCUT = -1, -2

_IN_HEAD = ("attn_pool", "fc_norm", "conv_head", "norm_head")
"""Layers of `forward_head` before the classifier that have weights; they are trained with the blocks."""


@dataclass(frozen=True, slots=True)
class Stages:
    """A backbone in two parts: `upper(lower(x))` equals the backbone's pooled features."""

    lower: nn.Module
    """Normalised images (B, 3, S, S) -> activations (B, ...); frozen."""
    upper: nn.Module
    """Activations (B, ...) -> pooled features (B, F); contains the trained blocks."""
    backbone: nn.Module
    """The complete backbone. It shares the upper part's weights, so saving it saves the training."""
    cut: int
    """Blocks in the lower part; `FROZEN` if it is the complete backbone, `UNCUT` if it is empty."""

    @property
    def worth_caching(self) -> bool:
        """Whether the outputs of the lower part save work; those of a stem, or pixels, are merely large."""
        return self.cut == FROZEN or self.cut > 0

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.backbone.parameters()).device


def split_backbone(backbone: nn.Module, trainable_fraction: float) -> Stages:
    """Split a backbone so that about `trainable_fraction` of its blocks are trainable.

    Only timm's VisionTransformer, EfficientNet and MobileNetV3 can be split. Other families stay in one piece,
    and their last layers (ordered by timm's `group_matcher`) are trained. At fraction 0, for every family, the lower
    part returns pooled features and the upper part is the identity.

    Args:
        backbone: A timm model without classifier. It is put in evaluation mode (batch norm keeps its statistics:
            the batches are small and class-balanced), and only the upper part gets gradients.
        trainable_fraction: In 0..1.
    """
    from torch import nn

    backbone.eval().requires_grad_(False)
    blocks = _flat_blocks(backbone)
    if not blocks and trainable_fraction > 0:
        return _train_last_layers(backbone, trainable_fraction)
    trained = round(trainable_fraction * len(blocks))
    if trained == 0:
        return Stages(lower=backbone, upper=nn.Identity(), backbone=backbone, cut=FROZEN)
    cut = len(blocks) - trained
    after = [getattr(backbone, name) for name in _AFTER_BLOCKS[type(backbone).__name__]]
    layers = [*blocks[cut:], *after]
    for layer in [*layers, *(getattr(backbone, name, None) for name in _IN_HEAD)]:
        if layer is not None:
            layer.requires_grad_(True)
    return Stages(_lower_part(backbone, blocks[:cut]), _upper_part(layers, backbone), backbone, cut)


def _flat_blocks(backbone: nn.Module) -> list[nn.Module]:
    """Return the backbone's blocks in order; empty for a family that cannot be split."""
    from torch import nn

    if type(backbone).__name__ not in _AFTER_BLOCKS:
        return []
    flat: list[nn.Module] = []
    for block in backbone.blocks:  # type: ignore[union-attr]
        flat.extend(block if isinstance(block, nn.Sequential) else [block])
    return flat


def _train_last_layers(backbone: nn.Module, trainable_fraction: float) -> Stages:
    """Make the complete backbone the upper part and train its last layers, at least one."""
    from torch import nn

    depth_of = layer_depths(backbone)
    deepest = max(depth_of.values())
    trained = max(1, round(trainable_fraction * (deepest + 1)))
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(depth_of[name] > deepest - trained)
    return Stages(lower=nn.Identity(), upper=backbone, backbone=backbone, cut=UNCUT)


def layer_depths(backbone: nn.Module) -> dict[str, int]:
    """Return parameter name -> layer of a timm model; layer 0 is nearest to the input."""
    from timm.models import group_parameters

    layers: dict[str, int] = group_parameters(backbone, backbone.group_matcher(coarse=False), reverse=True)  # type: ignore[operator]
    return layers


def _lower_part(backbone: nn.Module, blocks: list[nn.Module]) -> nn.Module:
    """Return a copy of the backbone that ends after `blocks`."""
    from torch import nn

    short = copy.deepcopy(backbone).requires_grad_(False)
    short.blocks = nn.Sequential(*copy.deepcopy(blocks)).requires_grad_(False)
    for name in _AFTER_BLOCKS[type(backbone).__name__]:
        setattr(short, name, nn.Identity())

    class Lower(nn.Module):
        """The backbone up to the cut."""

        def __init__(self) -> None:
            super().__init__()
            self.short = short

        def forward(self, images: Tensor) -> Tensor:
            return self.short.forward_features(images)  # type: ignore[operator,no-any-return]

    return Lower().eval()


def _upper_part(layers: list[nn.Module], backbone: nn.Module) -> nn.Module:
    """Return `layers` followed by the backbone's own pooling, sharing its weights."""
    from torch import nn

    class Upper(nn.Module):
        """The backbone from the cut to its pooled features."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*layers)
            self.backbone = backbone

        def forward(self, activations: Tensor) -> Tensor:
            return self.backbone.forward_head(self.layers(activations), pre_logits=True)  # type: ignore[operator,no-any-return]

    return Upper().eval()
