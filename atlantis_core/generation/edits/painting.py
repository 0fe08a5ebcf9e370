"""A painting: brush strokes of oil, or a watercolour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.generation.edits import pixels, shapes

if TYPE_CHECKING:
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws
    from atlantis_core.generation.edits.shapes import Pixels


def painting(image: Tensor, strength: float, draws: RandomDraws) -> Tensor:
    """Paint the image: two of three times in brush strokes, else as a watercolour; colours and canvas vary."""
    mixed = _mix_palette(image, draws)
    out = _oil(mixed, draws) if draws.chance(0.67) else _watercolour(mixed, draws)
    return pixels.blend(image, out, strength).clamp(0, 1)


def _mix_palette(image: Tensor, draws: RandomDraws) -> Tensor:
    """Shift colours as a painter's palette does: warmer or cooler, more or less strong, another contrast."""
    out = pixels.saturate(image, draws.uniform(0.8, 1.6))
    gains = 1 + 0.3 * (draws.flat(3) - 0.5)
    out = pixels.tint(out, (float(gains[0]), float(gains[1]), float(gains[2])))
    centre = out.mean()
    return (centre + draws.uniform(0.8, 1.25) * (out - centre)).clamp(0, 1)


def _oil(image: Tensor, draws: RandomDraws) -> Tensor:
    """Lay strokes along the edges, from broad to fine (Hertzmann 1998), with the light on their relief."""
    import cv2

    source = shapes.to_pixels(image)
    height, width = source.shape[:2]
    canvas = cv2.GaussianBlur(source, (0, 0), 0.06 * min(height, width))
    finest = draws.uniform(0.016, 0.035) * min(height, width)
    relief = np.zeros((height, width), dtype=np.float32)
    for coarseness in (3.0, 1.7, 1.0):
        _lay_strokes(canvas, relief, source, max(1.0, finest * coarseness), draws)
    shine = cv2.Sobel(cv2.GaussianBlur(relief, (0, 0), 0.7), cv2.CV_32F, 1, 1) * draws.uniform(4, 14)
    return shapes.to_image(np.clip(canvas.astype(np.float32) + shine[..., None], 0, 255))


def _lay_strokes(canvas: Pixels, relief: Pixels, source: Pixels, width_px: float, draws: RandomDraws) -> None:
    """Paint strokes of one width onto `canvas`, each in the colour under its middle, and note their height."""
    import cv2

    height, width = source.shape[:2]
    soft = cv2.GaussianBlur(source, (0, 0), max(0.6, width_px / 2))
    grey = cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY)
    across, down = cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)
    count = min(900, round(1.3 * height * width / (width_px * width_px * 3)))
    places = (draws.flat(count, 2).numpy() * [height, width]).astype(int)
    y, x = places[:, 0], places[:, 1]
    flat = np.hypot(across[y, x], down[y, x]) < 60  # no edge to follow: strokes of a region lie about parallel
    angle = np.where(flat, draws.uniform(0, np.pi), np.arctan2(down[y, x], across[y, x]) + np.pi / 2)
    angle = angle + draws.normal(count).numpy() * 0.25
    reach = width_px * (1.2 + 1.6 * draws.flat(count).numpy())
    from_x, from_y = x - reach * np.cos(angle), y - reach * np.sin(angle)
    to_x, to_y = x + reach * np.cos(angle), y + reach * np.sin(angle)
    ends = np.stack([from_x, from_y, to_x, to_y], axis=1).round().astype(int).tolist()
    colours = np.clip(soft[y, x] + draws.normal(count, 1).numpy() * 7, 0, 255).tolist()
    heights = draws.flat(count).tolist()
    thick = max(1, round(width_px))
    for (x0, y0, x1, y1), colour, high in zip(ends, colours, heights, strict=True):
        cv2.line(canvas, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA)
        cv2.line(relief, (x0, y0), (x1, y1), high, thick)


def _watercolour(image: Tensor, draws: RandomDraws) -> Tensor:
    """Let few thin washes run into each other: pale, dark at their rims, uneven, white towards the edge."""
    import cv2

    source = shapes.to_pixels(image)
    height, width = source.shape[:2]
    side = min(height, width)
    flat = shapes.flatten_colours(source, draws.integer(10, 28), draws.uniform(0.02, 0.045) * side)
    shift = shapes.smooth_shifts(draws, height, width, 14, 0.008 * side)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    run = shapes.move_pixels(flat, columns + shift[0], rows + shift[1], cv2.BORDER_REFLECT)
    soft = cv2.GaussianBlur(run, (0, 0), 0.003 * side + 0.3).astype(np.float32) / 255
    rim = np.abs(soft - cv2.GaussianBlur(soft, (0, 0), 0.012 * side + 0.5)).max(2, keepdims=True)
    wash = 1 - (1 - soft) * draws.uniform(0.65, 0.95) * (1 + draws.uniform(1, 3) * rim)
    uneven = cv2.GaussianBlur(shapes.smooth_shifts(draws, height, width, 7, 0.06)[0], (0, 0), 0.8)
    grain = draws.normal(height, width).numpy() * 0.015
    wash = wash + ((1 - wash) * (uneven + grain)[..., None])
    return _fade_to_paper(shapes.to_image(np.clip(wash, 0, 1) * 255), draws)


def _fade_to_paper(image: Tensor, draws: RandomDraws) -> Tensor:
    """Leave ragged white paper around the image in half of the watercolours."""
    if draws.chance(0.5):
        return image
    away = pixels.distance_map(image, draws.uniform(0.45, 0.55), draws.uniform(0.45, 0.55))
    ragged = away + 0.12 * (pixels.smooth_noise(image, draws, 9) - 0.5)
    return pixels.blend(image, pixels.rgb_tensor((1, 1, 0.98)), ((ragged - 0.42) * 9).clamp(0, 1))
