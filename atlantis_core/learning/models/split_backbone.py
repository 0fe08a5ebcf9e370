"""Cut a timm trunk in two: a frozen lower part, whose outputs can be cached, and a trainable upper part."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

_AFTER_BLOCKS = {
    "VisionTransformer": ("norm",),
    "EfficientNet": ("conv_head", "bn2"),
    "MobileNetV3": (),
}
"""Layers that `forward_features` runs after `blocks`, by the name of the timm class."""

FROZEN, UNCUT = -1, -2

_IN_HEAD = ("attn_pool", "fc_norm", "conv_head", "norm_head")
"""Layers of `forward_head` before the classifier that hold weights; they are trained with the blocks."""


@dataclass(frozen=True, slots=True)
class Stages:
    """A trunk cut in two: `upper(lower(x))` equals the trunk's pooled features."""

    lower: nn.Module
    """Normalised images (B, 3, S, S) -> activations (B, ...); frozen."""
    upper: nn.Module
    """Activations (B, ...) -> pooled features (B, F); holds the blocks that are trained."""
    trunk: nn.Module
    """The whole trunk; it shares the upper part's weights, so that saving it saves the training."""
    cut: int
    """Blocks in the lower part; `FROZEN` where it holds the whole trunk, `UNCUT` where it holds nothing."""

    @property
    def worth_caching(self) -> bool:
        """Whether outputs of the lower part save work; those of a stem, or pixels, are only large."""
        return self.cut == FROZEN or self.cut > 0


def split_backbone(trunk: nn.Module, trainable_fraction: float) -> Stages:
    """Cut a trunk so that about `trainable_fraction` of its blocks are trainable.

    Families other than timm's VisionTransformer, EfficientNet and MobileNetV3 are not cut: their pictures go
    through the whole trunk, of which the last layers (timm's `group_matcher` says in which order) are trained.
    At fraction 0 the lower part of any trunk gives pooled features and the upper part passes them on.

    Args:
        trunk: A timm model without classifier. It is put in evaluation mode (batch norm keeps its statistics:
            the batches are small and class-balanced) and its gradients are switched on in the upper part only.
        trainable_fraction: In 0..1.
    """
    trunk.eval().requires_grad_(False)
    blocks = _flat_blocks(trunk)
    if not blocks and trainable_fraction > 0:
        return _train_last_layers(trunk, trainable_fraction)
    trained = round(trainable_fraction * len(blocks))
    if trained == 0:
        return Stages(lower=trunk, upper=_identity(), trunk=trunk, cut=FROZEN)
    cut = len(blocks) - trained
    after = [getattr(trunk, name) for name in _AFTER_BLOCKS[type(trunk).__name__]]
    layers = [*blocks[cut:], *after]
    for layer in [*layers, *(getattr(trunk, name, None) for name in _IN_HEAD)]:
        if layer is not None:
            layer.requires_grad_(True)
    return Stages(_lower_part(trunk, blocks[:cut]), _upper_part(layers, trunk), trunk, cut)


def _flat_blocks(trunk: nn.Module) -> list[nn.Module]:
    """Return the trunk's blocks in order, or none where the family is unknown."""
    from torch import nn

    if type(trunk).__name__ not in _AFTER_BLOCKS:
        return []
    flat: list[nn.Module] = []
    for block in trunk.blocks:  # type: ignore[union-attr]
        flat.extend(block if isinstance(block, nn.Sequential) else [block])
    return flat


def _train_last_layers(trunk: nn.Module, trainable_fraction: float) -> Stages:
    """Put the whole trunk into the upper part and train its last layers, at least one."""
    depth_of = layer_depths(trunk)
    deepest = max(depth_of.values())
    trained = max(1, round(trainable_fraction * (deepest + 1)))
    for name, parameter in trunk.named_parameters():
        parameter.requires_grad_(depth_of[name] > deepest - trained)
    return Stages(lower=_identity(), upper=trunk, trunk=trunk, cut=UNCUT)


def layer_depths(trunk: nn.Module) -> dict[str, int]:
    """Return the layer, 0 the lowest, of every parameter of a timm model by name."""
    from timm.models import group_parameters

    layers: dict[str, int] = group_parameters(trunk, trunk.group_matcher(coarse=False), reverse=True)  # type: ignore[operator]
    return layers


def _identity() -> nn.Module:
    from torch import nn

    return nn.Identity()


def _lower_part(trunk: nn.Module, blocks: list[nn.Module]) -> nn.Module:
    """Return a copy of the trunk that ends after `blocks`."""
    from torch import nn

    short = copy.deepcopy(trunk).requires_grad_(False)
    short.blocks = nn.Sequential(*copy.deepcopy(blocks)).requires_grad_(False)
    for name in _AFTER_BLOCKS[type(trunk).__name__]:
        setattr(short, name, nn.Identity())

    class Lower(nn.Module):
        """The trunk up to the cut."""

        def __init__(self) -> None:
            super().__init__()
            self.short = short

        def forward(self, images: Tensor) -> Tensor:
            return self.short.forward_features(images)  # type: ignore[operator,no-any-return]

    return Lower().eval()


def _upper_part(layers: list[nn.Module], trunk: nn.Module) -> nn.Module:
    """Return `layers` and then the trunk's own pooling, sharing its weights."""
    from torch import nn

    class Upper(nn.Module):
        """The trunk from the cut to its pooled features."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*layers)
            self.trunk = trunk

        def forward(self, activations: Tensor) -> Tensor:
            return self.trunk.forward_head(self.layers(activations), pre_logits=True)  # type: ignore[operator,no-any-return]

    return Upper().eval()
