"""The light of each condition: the colour that a surface shows at a distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atlantis_core.harbor.scene import Scene

Rgb = tuple[float, float, float]

PAINTS: dict[str, Rgb] = {
    "red": (196, 36, 44),
    "orange": (240, 128, 30),
    "yellow": (244, 208, 58),
    "green": (38, 136, 74),
    "blue": (34, 80, 176),
    "black": (36, 38, 44),
    "white": (240, 240, 236),
    "grey": (138, 144, 152),
    "glass": (52, 66, 82),
    "paint": (226, 226, 220),
    "canvas": (232, 224, 204),
    "wood": (112, 82, 56),
    "steel": (104, 108, 112),
    "rubber": (30, 30, 32),
    "soot": (34, 32, 32),
    "bottom": (104, 40, 38),
    "net": (86, 104, 74),
    "cargo0": (150, 92, 66),
    "cargo1": (110, 122, 130),
    "cargo2": (164, 150, 118),
    "hill": (84, 108, 82),
    "stone": (120, 116, 112),
    "timber": (94, 76, 60),
    "cloud": (244, 244, 246),
    "gull": (226, 228, 232),
    "buoy": (206, 84, 40),
    "traffic": (120, 122, 126),
}
"""Colours in neutral white light, 0 to 255: the eight class colours and the materials."""


@dataclass(frozen=True, slots=True)
class Light:
    """How a condition lights a scene; colours are 0 to 255, as they reach the camera.

    Attributes:
        key: Factor on each channel of a surface's colour.
        saturation: Factor on saturation.
        sky_top: Sky at the top of the image.
        sky_low: Sky at the horizon.
        sea_far: Sea at the horizon.
        sea_near: Sea at the lower edge.
        haze: Colour that distant surfaces fade to.
        density: Optical depth of the air per unit of distance.
        lamps: Whether windows and navigation lights are lit.
        noise: Standard deviation of the sensor's noise.
    """

    key: Rgb
    saturation: float
    sky_top: Rgb
    sky_low: Rgb
    sea_far: Rgb
    sea_near: Rgb
    haze: Rgb
    density: float
    lamps: bool
    noise: float

    def shade(self, paint: str, distance: float, tone: float = 1.0) -> tuple[int, int, int]:
        """Return the colour of a surface as the camera sees it.

        Args:
            paint: A name from `PAINTS`.
            distance: 1 for a vessel that fills most of the image.
            tone: Factor on brightness, below 1 in shade.

        Returns:
            Red, green and blue, 0 to 255.
        """
        own = PAINTS[paint]
        grey = 0.30 * own[0] + 0.59 * own[1] + 0.11 * own[2]
        clear = float(np.exp(-self.density * distance))
        seen = (
            clear * tone * key * (grey + self.saturation * (value - grey)) + (1 - clear) * haze
            for value, key, haze in zip(own, self.key, self.haze, strict=True)
        )
        red, green, blue = (int(min(max(value, 0.0), 255.0) + 0.5) for value in seen)
        return red, green, blue


_BASE_LIGHTS: dict[str, Light] = {
    "day": Light(
        key=(1.0, 0.99, 0.96),
        saturation=1.0,
        sky_top=(96, 158, 224),
        sky_low=(206, 226, 240),
        sea_far=(92, 144, 176),
        sea_near=(36, 88, 128),
        haze=(198, 216, 232),
        density=0.04,
        lamps=False,
        noise=2.0,
    ),
    "night": Light(
        key=(0.36, 0.41, 0.52),
        saturation=0.90,
        sky_top=(26, 42, 78),
        sky_low=(60, 78, 112),
        sea_far=(36, 54, 82),
        sea_near=(15, 31, 56),
        haze=(56, 72, 104),
        density=0.06,
        lamps=True,
        noise=4.0,
    ),
    "fog": Light(
        key=(0.80, 0.83, 0.85),
        saturation=0.70,
        sky_top=(186, 192, 197),
        sky_low=(198, 203, 206),
        sea_far=(192, 197, 200),
        sea_near=(146, 156, 162),
        haze=(198, 203, 206),
        density=1.45,
        lamps=False,
        noise=2.5,
    ),
    "sunset": Light(
        key=(0.98, 0.74, 0.58),
        saturation=1.0,
        sky_top=(76, 74, 132),
        sky_low=(252, 166, 88),
        sea_far=(220, 136, 92),
        sea_near=(58, 52, 92),
        haze=(240, 164, 108),
        density=0.10,
        lamps=False,
        noise=3.0,
    ),
    "storm": Light(
        key=(0.36, 0.43, 0.45),
        saturation=0.60,
        sky_top=(40, 48, 54),
        sky_low=(92, 104, 108),
        sea_far=(66, 80, 84),
        sea_near=(28, 40, 44),
        haze=(82, 94, 98),
        density=0.55,
        lamps=False,
        noise=4.0,
    ),
    "snow": Light(
        key=(0.66, 0.77, 0.92),
        saturation=0.70,
        sky_top=(188, 197, 208),
        sky_low=(220, 226, 233),
        sea_far=(162, 176, 188),
        sea_near=(84, 104, 122),
        haze=(222, 228, 236),
        density=0.95,
        lamps=False,
        noise=2.5,
    ),
}

# By how much `Scene.light` changes light level and air density, and the hues change sky and sea, all relative:
# fog is thin or thick and nights differ, but a grey sky stays grey.
_LIGHT_JITTER = {
    "day": (0.12, 0.3, 0.07),
    "night": (0.25, 0.3, 0.07),
    "fog": (0.08, 0.35, 0.015),
    "sunset": (0.14, 0.3, 0.05),
    "storm": (0.16, 0.35, 0.03),
    "snow": (0.08, 0.4, 0.015),
}


def _scale_colour(colour: Rgb, factor: float, hue: float = 0.0) -> Rgb:
    red, green, blue = colour
    return red * factor * (1 + hue), green * factor * (1 - hue), blue * factor


def light_for(scene: Scene) -> Light:
    """Return the light of a scene: its condition's light, varied by the scene's nuisances."""
    usual = _BASE_LIGHTS[scene.condition]
    level_spread, air_spread, hue_spread = _LIGHT_JITTER[scene.condition]
    sky_hue, sea_hue = hue_spread * scene.sky_hue, hue_spread * scene.sea_hue
    level = 1 + level_spread * scene.light
    return Light(
        key=_scale_colour(usual.key, level),
        saturation=usual.saturation,
        sky_top=_scale_colour(usual.sky_top, level, sky_hue),
        sky_low=_scale_colour(usual.sky_low, level, sky_hue * 0.5),
        sea_far=_scale_colour(usual.sea_far, level, sea_hue),
        sea_near=_scale_colour(usual.sea_near, level, sea_hue),
        haze=_scale_colour(usual.haze, level),
        # The darker the light, the denser the air.
        density=usual.density * (1 - air_spread * scene.light),
        lamps=usual.lamps,
        noise=usual.noise,
    )
