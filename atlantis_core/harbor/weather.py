"""Weather and camera effects: rain, snow, glow of lamps, soft focus, sensor noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from atlantis_core.harbor.canvas import DRAWN_PX, OVERSAMPLING
from atlantis_core.harbor.scene import Scene

Pixels = npt.NDArray[np.float32]


def _soften(image: Pixels, amount: float) -> Pixels:
    """Blend each pixel with its four neighbours; `amount` 0 changes nothing, 1 gives the neighbours' mean."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return image + np.float32(amount) * (around * np.float32(0.25) - image)


def _add_rain(image: Pixels, rng: np.random.Generator) -> Pixels:
    slant = rng.uniform(-0.10, 0.10)
    start = rng.uniform(-0.1, 1, (46, 2))
    length = rng.uniform(0.05, 0.14, (46, 1))
    end = start + length * np.array([slant * 3, 1.0])
    mask = Image.new("L", (DRAWN_PX, DRAWN_PX))
    draw = ImageDraw.Draw(mask)
    for x0, y0, x1, y1 in np.concatenate([start, end], axis=1) * DRAWN_PX:
        draw.line((x0, y0, x1, y1), fill=255, width=2)
    return image + _coverage(mask) * np.float32(0.42) * (np.float32(190) - image)


def _add_snow(image: Pixels, rng: np.random.Generator) -> Pixels:
    mask = Image.new("L", (DRAWN_PX, DRAWN_PX))
    draw = ImageDraw.Draw(mask)
    for across, down, size in rng.uniform(0, 1, (80, 3)):
        x, y, radius = across * DRAWN_PX, down * DRAWN_PX, 1.0 + 3.0 * size**3
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=int(150 + 100 * size))
    return image + _coverage(mask) * (np.float32(246) - image)


def _coverage(mask: Image.Image) -> Pixels:
    return np.asarray(mask.reduce(OVERSAMPLING), dtype=np.float32)[..., None] / np.float32(255)


def _add_glow(image: Pixels) -> Pixels:
    bright: Pixels = np.maximum(image - np.float32(130), np.float32(0))
    for _ in range(3):
        bright = _soften(bright, 0.8)
    glowing: Pixels = image + bright * np.float32(0.8)
    return glowing


def apply_weather(image: Pixels, scene: Scene, noise: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Apply weather and camera effects to an image, `SIDE_PX` x `SIDE_PX` x 3, 0 to 255; return it in 8 bit.

    `noise` is the standard deviation of the sensor noise, 0 to 255.
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
