"""The background of the object, and what occludes it.

There is no saliency model: the object is assumed to be in the middle (a centre prior), so the middle is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.generation.edits import pixels

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws


def background(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Change the background in one of three ways."""
    return draws.pick((background_blur, background_plain, background_clutter))(image, strength, draws)


def background_blur(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Blur the background."""
    soft = pixels.gaussian_blur(image, draws.uniform(0.03, 0.07) * min(image.shape[-2:]))
    return pixels.blend(image, soft, strength * _surroundings_mask(image, draws)).clamp(0, 1)


def background_plain(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Replace the background by a plain, softly shaded wall."""
    level = draws.uniform(0.2, 0.9)
    tint = draws.flat(3, 1, 1) * 0.24 - 0.12
    shade = 0.85 + 0.3 * pixels.linear_ramp(image, draws.uniform(0, 360))
    wall = pixels.add_grain(((level + tint) * shade).clamp(0, 1), draws, draws.uniform(0.0, 0.02))
    return pixels.blend(image, wall, strength * _surroundings_mask(image, draws)).clamp(0, 1)


def background_clutter(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Fill the background with shifted, mirrored and recoloured pieces of the image itself."""
    import torch

    height, width = image.shape[-2:]
    pieces = image
    for _ in range(draws.integer(6, 14)):
        tall, wide = max(2, round(height * draws.uniform(0.15, 0.4))), max(2, round(width * draws.uniform(0.15, 0.4)))
        from_y, from_x = draws.integer(0, height - tall), draws.integer(0, width - wide)
        to_y, to_x = draws.integer(0, height - tall), draws.integer(0, width - wide)
        piece = image[:, from_y : from_y + tall, from_x : from_x + wide]
        if draws.chance(0.5):
            piece = torch.flip(piece, (2,))
        level = draws.uniform(0.6, 1.3)
        gains = (level * draws.uniform(0.85, 1.15), level, level * draws.uniform(0.85, 1.15))
        pieces = pieces.clone()
        pieces[:, to_y : to_y + tall, to_x : to_x + wide] = pixels.tint(piece, gains)
    return pixels.blend(image, pieces.clamp(0, 1), strength * _surroundings_mask(image, draws)).clamp(0, 1)


def _surroundings_mask(image: Tensor, draws: RandomDraws) -> Tensor:
    """Return how much each pixel belongs to the background, (1, H, W): 0 in the middle, 1 outside."""
    away = pixels.distance_map(image, draws.uniform(0.44, 0.56), draws.uniform(0.44, 0.56))
    radius, softness = draws.uniform(0.26, 0.4), draws.uniform(0.08, 0.3)
    return ((away - radius) / softness).clamp(0, 1)


def occlusion(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Put one to three plain shapes in front, together under a third of the image and never over its centre."""
    import torch

    height, width = image.shape[-2:]
    middle = pixels.distance_map(image, 0.5, 0.5) > 0.14
    out = image
    for _ in range(draws.integer(1, 3)):
        x, y = draws.uniform(0.05, 0.95), draws.uniform(0.05, 0.95)
        reach, shape = strength * draws.uniform(0.09, 0.16), draws.uniform(0.5, 2.0)
        rows = (torch.linspace(0, 1, height) - y)[:, None] / (reach * shape)
        columns = (torch.linspace(0, 1, width) - x)[None, :] * shape / reach
        is_round = draws.chance(0.5)
        inside = (rows**2 + columns**2 if is_round else torch.maximum(rows.abs(), columns.abs())) < 1
        paint = (draws.flat(3, 1, 1) * 0.8 + 0.05) * (0.7 + 0.3 * pixels.linear_ramp(image, draws.uniform(0, 360)))
        out = torch.where(inside[None] & middle, paint.clamp(0, 1), out)
    return out
