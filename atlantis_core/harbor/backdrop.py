"""Sky, sea and everything else in the image except the vessel; small detail is drawn from `rng`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from atlantis_core.harbor.canvas import DRAWN_PX, Canvas, Colour
from atlantis_core.harbor.lighting import Light, Rgb
from atlantis_core.harbor.scene import Scene

_FAR = 3.2  # distance of the shore, in the unit of `Light.shade`

# Waves: (count, height in px, contrast); rougher seas have higher waves with more contrast.
_WAVES = {
    "day": (34, 1.5, 16.0),
    "night": (26, 1.5, 9.0),
    "fog": (16, 1.0, 6.0),
    "sunset": (40, 1.5, 30.0),
    "storm": (60, 5.0, 30.0),
    "snow": (24, 1.5, 12.0),
}


def _to_rgb(colour: npt.NDArray[np.float64]) -> Colour:
    red, green, blue = (int(v) for v in np.clip(colour, 0, 255))
    return red, green, blue


def _colour_ramp(start: Rgb, end: Rgb, rows: int, bend: float) -> npt.NDArray[np.float64]:
    way = np.linspace(0, 1, rows)[:, None] ** bend
    return np.asarray(start) * (1 - way) + np.asarray(end) * way


def paint_background(scene: Scene, light: Light) -> Canvas:
    """Return a canvas with sky and sea."""
    horizon = round(scene.horizon * DRAWN_PX)
    sky = _colour_ramp(light.sky_top, light.sky_low, horizon, 1.3)
    sea = _colour_ramp(light.sea_far, light.sea_near, DRAWN_PX - horizon, 0.6)
    return Canvas(np.concatenate([sky, sea]))


def paint_sky(canvas: Canvas, scene: Scene, light: Light, rng: np.random.Generator) -> None:
    """Paint stars, moon or sun, and clouds."""
    horizon = scene.horizon * DRAWN_PX
    if scene.condition == "night":
        for x, y, glow in rng.uniform(0, 1, (9, 3)):
            value = int(80 + 90 * glow)
            canvas.disc(x * DRAWN_PX, y * horizon * 0.85, 0.5 + glow * 0.8, (value, value, value))
        if rng.random() < 0.5:
            canvas.disc(rng.uniform(0, DRAWN_PX), rng.uniform(0.1, 0.5) * horizon, 8, (212, 216, 206))
    if scene.condition == "sunset":
        x = rng.uniform(0.05, 0.95) * DRAWN_PX
        for radius, colour in ((20, (253, 184, 104)), (14, (254, 208, 128)), (10, (255, 236, 176))):
            canvas.disc(x, horizon - 4, radius, colour)
        canvas.box(0, horizon, DRAWN_PX, horizon + 22, _to_rgb(np.asarray(light.sea_far)))
    if "clouds" in scene.clutter or scene.condition == "storm":
        _paint_clouds(canvas, scene, light, rng)


def _paint_clouds(canvas: Canvas, scene: Scene, light: Light, rng: np.random.Generator) -> None:
    horizon = scene.horizon * DRAWN_PX
    sky = np.asarray(light.sky_top)
    bright = sky + 0.55 * (np.asarray(light.shade("cloud", 1.5)) - sky)
    if scene.condition == "storm":
        bright = sky * 0.82
    for _ in range(4):
        x, y = rng.uniform(0, DRAWN_PX), rng.uniform(0.05, 0.6) * horizon
        for _ in range(5):
            dx, dy = rng.normal(0, 17), rng.normal(0, 2.5)
            w, h = rng.uniform(9, 24), rng.uniform(3, 7)
            colour = _to_rgb(bright + rng.uniform(-8, 8))
            canvas.ellipse(x + dx - w, y + dy - h, x + dx + w, y + dy + h, colour)


def paint_shore(canvas: Canvas, scene: Scene, light: Light, rng: np.random.Generator) -> None:
    """Paint the background: hills, a skyline, other ships."""
    horizon = scene.horizon * DRAWN_PX
    if "hills" in scene.clutter:
        heights = np.abs(np.cumsum(rng.normal(0, 6, 9))) + rng.uniform(2, 8)
        crest = [(i * DRAWN_PX / 8, horizon - min(float(h), 34.0)) for i, h in enumerate(heights)]
        canvas.polygon([(0, horizon), *crest, (DRAWN_PX, horizon)], light.shade("hill", _FAR))
    if "skyline" in scene.clutter:
        _paint_skyline(canvas, horizon, light, rng)
    if "traffic" in scene.clutter:
        for _ in range(int(rng.integers(1, 3))):
            _paint_traffic(canvas, horizon, light, rng)


def _paint_skyline(canvas: Canvas, horizon: float, light: Light, rng: np.random.Generator) -> None:
    left = rng.uniform(0, 0.6) * DRAWN_PX
    for _ in range(7):
        width, height = rng.uniform(6, 15), rng.uniform(6, 28)
        canvas.box(left, horizon - height, left + width, horizon, light.shade("stone", _FAR * 0.8))
        if light.lamps:
            for _ in range(3):
                x, y = left + rng.uniform(0, width), horizon - rng.uniform(0, height)
                canvas.box(x, y, x + 1.5, y + 1.5, (214, 176, 96))
        left += width + rng.uniform(0, 5)


def _paint_traffic(canvas: Canvas, horizon: float, light: Light, rng: np.random.Generator) -> None:
    x, size = rng.uniform(0, DRAWN_PX), rng.uniform(10, 22)
    colour = light.shade("traffic", _FAR * 0.7)
    canvas.polygon(
        [
            (x - size, horizon - 4),
            (x + size, horizon - 5),
            (x + size * 0.8, horizon + 2),
            (x - size * 0.9, horizon + 2),
        ],
        colour,
    )
    canvas.box(x - size * 0.7, horizon - 10, x - size * 0.2, horizon - 4, colour)


def paint_sea(canvas: Canvas, scene: Scene, light: Light, rng: np.random.Generator) -> None:
    """Paint the waves."""
    count, height, contrast = _WAVES[scene.condition]
    horizon = scene.horizon * DRAWN_PX
    far, near = np.asarray(light.sea_far), np.asarray(light.sea_near)
    for x, depth, sign in rng.uniform(0, 1, (count, 3)):
        y = horizon + 2 + depth**1.4 * (DRAWN_PX - horizon)
        span = 4 + 20 * depth
        base = far + (near - far) * depth**0.6
        colour = _to_rgb(base + contrast * (1 if sign < 0.62 else -1))
        middle = x * DRAWN_PX
        crest = height * (0.3 + 0.7 * depth)
        canvas.polygon([(middle - span, y), (middle, y - crest), (middle + span, y), (middle, y + 0.8)], colour)


def paint_foreground(canvas: Canvas, scene: Scene, light: Light, rng: np.random.Generator) -> None:
    """Paint the foreground: a pier with posts, a buoy, gulls."""
    if "pier" in scene.clutter:
        _paint_pier(canvas, scene, light, rng)
    if "buoy" in scene.clutter:
        x = rng.uniform(0.05, 0.95) * DRAWN_PX
        y = rng.uniform(scene.horizon + 0.22, 0.94) * DRAWN_PX
        canvas.polygon([(x - 5, y), (x, y - 16), (x + 5, y)], light.shade("buoy", 0.7))
        canvas.box(x - 6, y - 1, x + 6, y + 3, light.shade("buoy", 0.7, 0.7))
    if "gulls" in scene.clutter:
        for _ in range(int(rng.integers(2, 5))):
            x, y = rng.uniform(0, 1) * DRAWN_PX, rng.uniform(0.04, scene.horizon) * DRAWN_PX
            w = rng.uniform(4, 8)
            canvas.line([(x - w, y - 2), (x, y + 2), (x + w, y - 3)], light.shade("gull", 0.8), 2)


def _paint_pier(canvas: Canvas, scene: Scene, light: Light, rng: np.random.Generator) -> None:
    span = rng.uniform(0.25, 0.5) * DRAWN_PX
    left = rng.choice([0.0, DRAWN_PX - span])
    top = (scene.horizon + rng.uniform(0.16, 0.28)) * DRAWN_PX
    for x in np.linspace(left + 5, left + span - 5, 5):
        canvas.box(float(x) - 2.5, top - 8, float(x) + 2.5, DRAWN_PX, light.shade("timber", 0.5, 0.8))
    canvas.box(left, top, left + span, top + 6, light.shade("timber", 0.5))
