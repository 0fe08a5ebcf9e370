"""Weather: fog, rain, storm, snow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws


def fog(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Blend into airlight by depth: the object's light falls as exp(-density x depth) (Koschmieder's law).

    Depth grows towards the top, as in most photos, and varies in drifting banks.
    """
    import torch

    depth = 0.55 + 0.45 * pixels.linear_ramp(image, 270 + draws.uniform(-30, 30))
    depth = depth + draws.uniform(0.0, 0.35) * (pixels.smooth_noise(image, draws, 3) - 0.5)
    clear = torch.exp(-strength * draws.uniform(1.1, 2.6) * depth)
    level = draws.uniform(0.66, 0.86)
    air = pixels.rgb_tensor((level, level + draws.uniform(-0.01, 0.02), level + draws.uniform(-0.01, 0.04)))
    soft = pixels.gaussian_blur(image, strength * draws.uniform(0.0, 0.008) * min(image.shape[-2:]))
    return pixels.add_grain(pixels.blend(air, soft, clear).clamp(0, 1), draws, draws.uniform(0.0, 0.012))


def rain(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add grey, flat light and falling streaks."""
    grey = pixels.saturate(image, 1 - strength * draws.uniform(0.15, 0.45))
    veil = draws.uniform(0.45, 0.62)
    out = pixels.blend(grey, pixels.rgb_tensor((veil, veil, veil * 1.03)), strength * draws.uniform(0.12, 0.32))
    return _add_rain_streaks(out * (1 - strength * draws.uniform(0.05, 0.25)), strength, draws)


def storm(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add dark, colourless light, haze towards the top, streaks of rain and a little camera shake."""
    dull = pixels.saturate(image, 1 - strength * draws.uniform(0.3, 0.65))
    level = 1 + strength * (draws.uniform(0.35, 0.65) - 1)
    dull = pixels.tint(dull * level, (0.97, 1.0, draws.uniform(1.0, 1.06)))
    air = draws.uniform(0.28, 0.46)
    haze = strength * draws.uniform(0.2, 0.55) * (0.5 + 0.5 * pixels.linear_ramp(image, 270))
    dull = pixels.blend(dull, pixels.rgb_tensor((air, air * 1.03, air * 1.06)), haze)
    dull = dull * (1 - strength * draws.uniform(0.0, 0.35) * pixels.smooth_noise(image, draws, 4))
    side = min(image.shape[-2:])
    if draws.chance(0.6):
        dull = pixels.directional_blur(dull, draws.uniform(0.02, 0.04) * side * strength, draws.uniform(0, 180))
    streaky = _add_rain_streaks(dull.clamp(0, 1), strength, draws)
    return pixels.add_grain(streaky, draws, strength * draws.uniform(0.005, 0.025))


def _add_rain_streaks(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add rain: scattered drops of two sizes, smeared along one slanted direction."""
    side = min(image.shape[-2:])
    degrees = 90 + draws.uniform(-22, 22)
    out = image
    for nearness in (0.6, 1.0):
        count = round(strength * draws.uniform(40, 150) / nearness**2 * image.shape[-1] / side)
        length_px = max(3.0, side * draws.uniform(0.06, 0.13) * nearness)
        drops = pixels.scatter_spots(image, draws, count, max(0.3, 0.0035 * side * nearness))
        streaks = (pixels.directional_blur(drops, length_px, degrees) * length_px * 0.45).clamp(0, 1)
        light = draws.uniform(0.62, 0.85)
        out = pixels.blend(
            out, pixels.rgb_tensor((light, light, light)), draws.uniform(0.25, 0.55) * nearness * streaks
        )
    return out.clamp(0, 1)


def snow(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Add cold, pale light, a white veil and flakes of three sizes."""
    pale = pixels.saturate(image, 1 - strength * draws.uniform(0.15, 0.45))
    cold = strength * draws.uniform(0.02, 0.1)
    pale = pixels.tint(pale, (1 - cold, 1 - 0.3 * cold, 1 + 0.5 * cold))
    veil = strength * draws.uniform(0.2, 0.55) * (0.6 + 0.4 * pixels.linear_ramp(image, 270))
    level = draws.uniform(0.76, 0.9)
    out = pixels.blend(pale, pixels.rgb_tensor((level, level * 1.02, level * 1.05)), veil)
    side = min(image.shape[-2:])
    area = image.shape[-1] * image.shape[-2] / side**2
    for radius, most in ((0.0035, 160), (0.008, 70), (0.015, 24)):
        count = round(strength * draws.uniform(0.25, 1.0) * most * area)
        flakes = pixels.scatter_spots(image, draws, count, max(0.35, radius * side))
        out = pixels.blend(out, pixels.rgb_tensor((0.97, 0.98, 1.0)), draws.uniform(0.55, 0.95) * flakes)
    return out.clamp(0, 1)
