"""Light: night, darkness, sunset, brightness, glare, a clear day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws

_DARKEST_MEAN = 0.06
"""Mean brightness of harbor's darkest nights is about 0.07; below 0.05 an 8-bit image is mostly noise."""


def night(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Darken to about 10 to 35 %, bright skies most; bluish and grainy, with a vignette and a few lamps."""
    grey = pixels.luma(image)
    # Surfaces that are bright only by daylight (sky, white walls) get darker than painted ones.
    dimmed = image / (1 + strength * draws.uniform(0.0, 2.2) * grey)
    dimmed = dimmed ** (1 + strength * draws.uniform(0.0, 0.5))
    dimmed = pixels.saturate(dimmed, 1 - strength * draws.uniform(0.2, 0.65))
    blue = strength * draws.uniform(0.12, 0.45)
    dimmed = pixels.tint(dimmed, (1 - blue, 1 - 0.55 * blue, 1 + 0.5 * blue))
    far = pixels.distance_map(image, draws.uniform(0.3, 0.7), draws.uniform(0.3, 0.7))
    dimmed = dimmed / (1 + strength * draws.uniform(0.2, 1.2) * far**2)
    dimmed = _set_exposure(dimmed, image, 1 + strength * (draws.uniform(0.12, 0.36) - 1))
    for _ in range(draws.integer(0, 4)):
        dimmed = _add_lamp(dimmed, strength, draws)
    return pixels.add_grain(dimmed.clamp(0, 1), draws, strength * draws.uniform(0.008, 0.04))


def _set_exposure(image: Tensor, source: Tensor, share: float) -> Tensor:
    """Set the mean brightness to this share of the source's, but keep it above `_DARKEST_MEAN`."""
    wanted = (pixels.luma(source).mean() * share).clamp_min(_DARKEST_MEAN)
    return image * (wanted / pixels.luma(image).mean().clamp_min(1e-3)).clamp(0.02, 3.0)


def _add_lamp(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add a small lamp with a halo that lights its surroundings."""
    import torch

    away = pixels.distance_map(image, draws.uniform(0, 1), draws.uniform(0, 1))
    core, reach = draws.uniform(0.008, 0.025), draws.uniform(0.1, 0.35)
    tint = pixels.rgb_tensor((1.0, draws.uniform(0.75, 0.95), draws.uniform(0.4, 0.85)))
    lit = image * (1 + strength * draws.uniform(0.3, 1.2) * tint * torch.exp(-((away / reach) ** 2)))
    halo = 0.18 * torch.exp(-away / (3 * core)) + torch.exp(-((away / core) ** 2))
    return lit + strength * tint * halo


def dark(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Underexpose by about one to two stops, unevenly, with a little grain."""
    shade = 1 - strength * draws.uniform(0.0, 0.5) * pixels.linear_ramp(image, draws.uniform(0, 360))
    out = image ** (1 + strength * draws.uniform(0.0, 0.35)) * shade
    out = _set_exposure(out, image, 1 + strength * (draws.uniform(0.22, 0.55) - 1))
    return pixels.add_grain(out.clamp(0, 1), draws, strength * draws.uniform(0.004, 0.02))


def bright(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Overexpose by up to about one stop, with lifted shadows and blown highlights."""
    out = image ** (1 - strength * draws.uniform(0.1, 0.4)) * (1 + strength * draws.uniform(0.15, 0.7))
    return pixels.blend(out, pixels.rgb_tensor((1, 1, 1)), strength * draws.uniform(0.0, 0.12)).clamp(0, 1)


def clear(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Make a clear day: stretch the levels, remove the colour cast, bring the mean near middle grey."""
    import torch

    flat = image.flatten(1)
    low = torch.quantile(flat, 0.02, dim=1).view(3, 1, 1)
    high = torch.quantile(flat, 0.98, dim=1).view(3, 1, 1)
    # Half the cast stays, since some of it is the true colour of the collection.
    low, high = (low + low.mean()) / 2, (high + high.mean()) / 2
    stretched = ((image - low) / (high - low).clamp_min(0.15)).clamp(0, 1)
    mean = stretched.mean().clamp(0.05, 0.95)
    gamma = float(torch.log(torch.tensor(draws.uniform(0.42, 0.58))) / torch.log(mean))
    out = pixels.saturate(stretched ** min(max(gamma, 0.4), 2.5), draws.uniform(1.0, 1.25))
    return pixels.blend(image, out, strength).clamp(0, 1)


def glare(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Shine a lamp or the sun into the lens: a blown spot near the edge and a veil that fades with distance."""
    import torch

    edge = draws.uniform(-0.1, 0.2)
    x, y = (edge, draws.uniform(0, 0.8)) if draws.chance(0.5) else (draws.uniform(0, 1), edge)
    x = 1 - x if draws.chance(0.5) else x
    away = pixels.distance_map(image, x, y)
    veil = torch.exp(-away / draws.uniform(0.25, 0.55)) * draws.uniform(0.7, 1.0)
    tint = pixels.rgb_tensor((1.0, draws.uniform(0.9, 1.0), draws.uniform(0.75, 1.0)))
    exposed = image * (1 + strength * draws.uniform(0.0, 0.4))
    return pixels.blend(exposed, tint, strength * (veil + draws.uniform(0.03, 0.15))).clamp(0, 1)


def sunset(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add the light of a low sun: a warm band at the horizon, violet above and below, darker, softer colours."""
    import torch

    horizon = draws.uniform(0.3, 0.65)
    rows = torch.linspace(0, 1, image.shape[-2]).view(1, -1, 1)
    near = torch.exp(-(((rows - horizon) / draws.uniform(0.22, 0.45)) ** 2))
    glow = pixels.rgb_tensor((1.0, draws.uniform(0.52, 0.68), draws.uniform(0.25, 0.42)))
    dusk = pixels.rgb_tensor((draws.uniform(0.4, 0.6), draws.uniform(0.3, 0.42), draws.uniform(0.45, 0.62)))
    heaven = dusk + near * (glow - dusk)
    grey = pixels.luma(image)
    lit = pixels.tint(image, (1.02, draws.uniform(0.7, 0.82), draws.uniform(0.52, 0.66)))
    # Bright, pale surfaces (sky, water, white paint) take the colour of the light; strong colours keep their own.
    pale = 1 - (image.amax(0, keepdim=True) - image.amin(0, keepdim=True))
    share = strength * draws.uniform(0.55, 0.95) * (grey * 1.5).clamp(0, 1) * pale
    out = pixels.blend(pixels.blend(image, lit, strength), heaven * (0.45 + 0.65 * grey), share)
    away = pixels.distance_map(image, draws.uniform(0, 1), horizon)
    sun = strength * draws.uniform(0.1, 0.4) * torch.exp(-away / draws.uniform(0.1, 0.3))
    return (out * draws.uniform(0.8, 1.0) + sun * glow).clamp(0, 1)
