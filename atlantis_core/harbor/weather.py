"""Weather and camera effects: rain, snow, glow of lamps, soft focus, sensor noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from atlantis_core.harbor.canvas import OVERSAMPLING, SIDE_PX
from atlantis_core.harbor.scene import Scene

Pixels = npt.NDArray[np.float32]


def _soften(image: Pixels, amount: float) -> Pixels:
    """Blend each pixel with its four neighbours; `amount` 0 changes nothing, 1 gives the neighbours' mean."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return image + np.float32(amount) * (around * np.float32(0.25) - image)


def _draw_strokes(segments: npt.NDArray[np.float64], width_px: int) -> Pixels:
    """Return the coverage of line segments (N x 4, fractions of the side), `SIDE_PX` x `SIDE_PX` x 1, 0 to 1."""
    side = SIDE_PX * OVERSAMPLING
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    for x0, y0, x1, y1 in segments * side:
        draw.line((x0, y0, x1, y1), fill=255, width=width_px)
    return np.asarray(mask.reduce(OVERSAMPLING), dtype=np.float32)[..., None] / np.float32(255)


def _add_rain(image: Pixels, rng: np.random.Generator) -> Pixels:
    slant = rng.uniform(-0.10, 0.10)
    start = rng.uniform(-0.1, 1, (46, 2))
    length = rng.uniform(0.05, 0.14, (46, 1))
    end = start + length * np.array([slant * 3, 1.0])
    cover = _draw_strokes(np.concatenate([start, end], axis=1), 2) * np.float32(0.42)
    return image + cover * (np.float32(190) - image)


def _add_snow(image: Pixels, rng: np.random.Generator) -> Pixels:
    side = SIDE_PX * OVERSAMPLING
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    for x, y, size in rng.uniform(0, 1, (80, 3)):
        radius = 1.0 + 3.0 * size**3
        box = (x * side - radius, y * side - radius, x * side + radius, y * side + radius)
        draw.ellipse(box, fill=int(150 + 100 * size))
    cover = np.asarray(mask.reduce(OVERSAMPLING), dtype=np.float32)[..., None] / np.float32(255)
    return image + cover * (np.float32(246) - image)


def _add_glow(image: Pixels) -> Pixels:
    """Let bright lamps bleed into their surroundings, as in a long exposure."""
    bright: Pixels = np.maximum(image - np.float32(130), np.float32(0))
    for _ in range(3):
        bright = _soften(bright, 0.8)
    glowing: Pixels = image + bright * np.float32(0.8)
    return glowing


def apply_weather(image: Pixels, scene: Scene, noise: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Apply weather and camera effects to an image.

    Args:
        image: `SIDE_PX` x `SIDE_PX` x 3, 0 to 255.
        scene: The rendered scene.
        noise: Standard deviation of the sensor noise, 0 to 255.
        rng: Random numbers for small detail.

    Returns:
        The finished image, `SIDE_PX` x `SIDE_PX` x 3, 8 bit.
    """
    if scene.condition == "night":
        image = _add_glow(image)
    if scene.condition in ("fog", "storm"):
        image = _soften(image, 0.5)
    if scene.condition == "storm":
        image = _add_rain(image, rng)
    if scene.condition == "snow":
        image = _add_snow(image, rng)
    grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(noise)
    return np.clip(image + grain + np.float32(0.5), 0, 255).astype(np.uint8)
