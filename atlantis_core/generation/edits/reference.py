"""Light transferred from a real photo that shows the facet value, whatever its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws

_MAP_SIDE_PX = 16
"""Smooth maps are computed at this size: they have no finer detail, and a wide blur at full size takes seconds."""

_LEAST_SPREAD, _MOST_SPREAD = 0.2, 3.0
"""Limits of how far a channel is stretched: flat images would turn into noise."""


def transfer_light(image: Tensor, reference: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Give an image the brightness, contrast and colour cast of a reference.

    Matches means and standard deviations in CIE Lab (Reinhard et al. 2001, with Lab in place of their l-alpha-beta).
    In half of the images the means are smooth maps, so that a bright sky stays above a dark sea.

    Args:
        image: (3, H, W), RGB, 0 to 1.
        reference: (3, H, W) of the same size.
        strength: 0 changes nothing, 1 transfers everything.
        draws: Decides whether the means are maps.
    """
    from kornia.color import lab_to_rgb, rgb_to_lab

    own, other = rgb_to_lab(image[None])[0], rgb_to_lab(reference[None])[0]
    smooth = draws.chance(0.5)
    own_mean, other_mean = _channel_mean(own, smooth), _channel_mean(other, smooth)
    own_spread = (own - own_mean).std((1, 2), keepdim=True)
    other_spread = (other - other_mean).std((1, 2), keepdim=True)
    stretch = (other_spread / (own_spread + 1e-3)).clamp(_LEAST_SPREAD, _MOST_SPREAD)
    lit: Tensor = lab_to_rgb(((own - own_mean) * stretch + other_mean)[None])[0]
    return pixels.blend(image, lit, strength).clamp(0, 1)


def _channel_mean(channels: Tensor, smooth: bool) -> Tensor:
    """Return the mean of each channel, (3, 1, 1), or a smooth map of it, (3, H, W)."""
    from torch.nn.functional import interpolate

    if not smooth:
        return channels.mean((1, 2), keepdim=True)
    coarse = interpolate(channels[None], size=(_MAP_SIDE_PX, _MAP_SIDE_PX), mode="area")[0]
    softened = pixels.gaussian_blur(coarse, 0.25 * _MAP_SIDE_PX)
    wide: Tensor = interpolate(softened[None], size=channels.shape[-2:], mode="bilinear", align_corners=False)[0]
    return wide
