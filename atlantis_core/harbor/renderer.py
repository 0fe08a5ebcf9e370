"""Render a scene as an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from atlantis_core.harbor import backdrop
from atlantis_core.harbor.canvas import DRAWN_PX, OVERSAMPLING, SIDE_PX, Canvas
from atlantis_core.harbor.lighting import Light, light_for
from atlantis_core.harbor.scene import Scene
from atlantis_core.harbor.vessels import DRAWINGS, Point
from atlantis_core.harbor.weather import apply_weather

RENDERER_VERSION = 2
"""Increased whenever equal scenes give other pixels; worlds and students on disk record it."""

_NEAR_SCALE = 0.68  # a vessel of this length, as a fraction of the image, is at distance 1
_AIR_EXPONENT = 0.6  # below 1, so that a far vessel stays visible in dense air
_WATERLINE_BELOW_HORIZON = 0.09
_CABIN_IN_USE = 0.35  # chance that a window is lit at night
_LAMP = (236, 190, 112)
_SIDE_LAMPS = ((236, 44, 40), (40, 220, 90))


class _Placement:
    """Maps the points of a drawing to the canvas: scaled, flipped, rolled and moved."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.length_px = scene.scale * DRAWINGS[scene.vessel_class.vessel].length * DRAWN_PX
        self.x_px = scene.x * DRAWN_PX
        # The farther away, the closer to the horizon, since the camera is a little above the water.
        self.y_px = (scene.horizon + _WATERLINE_BELOW_HORIZON * scene.scale / _NEAR_SCALE) * DRAWN_PX
        roll = np.deg2rad(rng.uniform(-8, 8) if scene.condition == "storm" else rng.uniform(-1.5, 1.5))
        self._cos, self._sin = float(np.cos(roll)), float(np.sin(roll))
        self._stretch = scene.stretch
        self._side = -1 if scene.flip else 1

    def __call__(self, point: Point) -> tuple[float, float]:
        x, y = point[0] * self._side, point[1] * self._stretch
        across, up = x * self._cos - y * self._sin, x * self._sin + y * self._cos
        return self.x_px + across * self.length_px, self.y_px - up * self.length_px


def _viewing_distance(scene: Scene) -> float:
    return float((_NEAR_SCALE / scene.scale) ** _AIR_EXPONENT)


def _paint_vessel(
    canvas: Canvas, scene: Scene, light: Light, placement: _Placement, rng: np.random.Generator
) -> None:
    distance = _viewing_distance(scene)
    own = {"hull": scene.vessel_class.hull, "trim": scene.vessel_class.trim}
    for part in DRAWINGS[scene.vessel_class.vessel].parts:
        lit = light.lamps and part.paint == "glass" and rng.random() < _CABIN_IN_USE
        colour = _LAMP if lit else light.shade(own.get(part.paint, part.paint), distance, part.tone)
        canvas.polygon([placement(point) for point in part.points], colour)


def _paint_snow_cover(canvas: Canvas, scene: Scene, light: Light, placement: _Placement) -> None:
    colour = light.shade("white", _viewing_distance(scene))
    for left, right, y in DRAWINGS[scene.vessel_class.vessel].roofs:
        ends = placement((left, y)), placement((right, y))
        canvas.line(ends, colour, max(2, round(placement.length_px * 0.035)))


def _paint_lamps(canvas: Canvas, placement: _Placement, rng: np.random.Generator) -> None:
    """Paint the white masthead light and one coloured side light."""
    radius = max(1.2, placement.length_px * 0.014)
    canvas.disc(*placement((0.06, 0.75)), radius, (255, 246, 220))
    canvas.disc(*placement((0.3, 0.27)), radius, _SIDE_LAMPS[int(rng.integers(2))])


def _reflect(image: npt.NDArray[np.float32], scene: Scene, placement: _Placement, rng: np.random.Generator) -> None:
    """Reflect the vessel in the water below it, changing `image`; rough water reflects less."""
    share = {"storm": 0.08, "snow": 0.22, "fog": 0.25}.get(scene.condition, 0.32)
    water = round(placement.y_px / OVERSAMPLING)
    half = placement.length_px / OVERSAMPLING * 0.55
    left, right = max(0, int(placement.x_px / OVERSAMPLING - half)), int(placement.x_px / OVERSAMPLING + half) + 1
    rows = min(SIDE_PX - water, water, int(half * 1.3))
    if rows <= 0:
        return
    mirrored = image[water - rows : water, left:right][::-1]
    ripple = rng.integers(-1, 2, rows)
    mirrored = np.stack([np.roll(row, int(shift), axis=0) for row, shift in zip(mirrored, ripple, strict=True)])
    fade = (share * np.linspace(1, 0.1, rows, dtype=np.float32))[:, None, None]
    below = image[water : water + rows, left:right]
    below += fade * (mirrored - below)


def render(scene: Scene) -> npt.NDArray[np.uint8]:
    """Render a scene as (64, 64, 3), 8 bit, RGB; equal scenes give equal images."""
    rng = np.random.default_rng([scene.seed, 11])
    light = light_for(scene)
    placement = _Placement(scene, rng)
    canvas = backdrop.paint_background(scene, light)
    backdrop.paint_sky(canvas, scene, light, rng)
    backdrop.paint_shore(canvas, scene, light, rng)
    backdrop.paint_sea(canvas, scene, light, rng)
    _paint_vessel(canvas, scene, light, placement, rng)
    if scene.condition == "snow":
        _paint_snow_cover(canvas, scene, light, placement)
    if light.lamps:
        _paint_lamps(canvas, placement, rng)
    backdrop.paint_foreground(canvas, scene, light, rng)
    image = canvas.to_array().copy()
    _reflect(image, scene, placement, rng)
    return apply_weather(image, scene, light.noise, rng)
