"""Media of few colours: cartoons and cliparts, silhouettes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.generation.edits import pixels, shapes, strokes

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws

_ON_PLAIN_GROUND = 0.35
"""Share of cartoons whose object stands alone on plain ground, as cliparts do."""
_OUTLINED = 0.85
_SILHOUETTE_SIDE_PX = 72


def cartoon(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Paint few flat, strong colours and draw dark outlines; in some images the object stands on plain ground."""
    source = shapes.to_pixels(image)
    side = min(source.shape[:2])
    vivid = pixels.saturate(pixels.stretch_levels(image), draws.uniform(1.15, 1.9))
    lifted = shapes.to_pixels(vivid ** draws.uniform(0.65, 1.0))
    flat = shapes.flatten_colours(lifted, draws.integer(6, 16), draws.uniform(0.025, 0.05) * side)
    inside = shapes.find_object(source, draws) if draws.chance(_ON_PLAIN_GROUND) else None
    if inside is not None:
        flat = np.where(inside[..., None] > 0.5, flat, _plain_colour(draws))
    out = shapes.to_image(flat)
    if draws.chance(_OUTLINED):
        tracer = draws.pick((strokes.canny_edges, strokes.region_borders, strokes.difference_of_gaussians))
        ink = strokes.keep_long_strokes(tracer(flat, draws), draws.uniform(0.04, 0.1), 0.06 * side)
        ink = strokes.thicken(ink, draws.uniform(0.8, 1.8) * max(1.0, side / 128))
        pen = pixels.rgb_tensor((0, 0, 0)) + draws.flat(3, 1, 1) * 0.15
        out = pixels.blend(out, pen, shapes.to_image(ink) * draws.uniform(0.7, 1.0))
    return pixels.blend(image, out, strength).clamp(0, 1)


def _plain_colour(draws: RandomDraws) -> shapes.Pixels:
    """Draw white in two of three cases, else a pale colour: (3,), 8 bit."""
    if draws.chance(0.65):
        return np.full(3, 255, dtype=np.uint8)
    return (170 + 85 * draws.flat(3).numpy()).astype(np.uint8)


def silhouette(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Fill the object with one tone and the rest with another, mostly dark on light."""
    source = shapes.to_pixels(image)
    inside = shapes.find_object(source, draws, _SILHOUETTE_SIDE_PX)
    if inside is None:
        inside = shapes.split_by_lightness(source)
    smooth = pixels.gaussian_blur(shapes.to_image(inside), draws.uniform(0.004, 0.015) * min(inside.shape))
    # A steep slope in place of a step keeps the outline free of stairs.
    covered = ((smooth - 0.5) * 6 + 0.5).clamp(0, 1)
    dark, light = pixels.rgb_tensor((0, 0, 0)) + draws.uniform(0, 0.2), pixels.rgb_tensor((1, 1, 1))
    if draws.chance(0.4):
        light = light - draws.flat(3, 1, 1) * draws.uniform(0.05, 0.35)
    ground, figure = (dark, light) if draws.chance(0.12) else (light, dark)
    out = pixels.blend(ground.expand(3, *inside.shape), figure, covered)
    return pixels.blend(image, out, strength).clamp(0, 1)
