"""The content of one image as a record, and how it is sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from atlantis_core.harbor.vocabulary import CONDITIONS, VesselClass

Difficulty = Literal["ordinary", "hard"]

_CLUTTER = ("hills", "skyline", "pier", "buoy", "gulls", "clouds", "traffic")
_CLUTTER_CHANCE = (0.40, 0.20, 0.12, 0.25, 0.30, 0.55, 0.15)
_CLUTTER_CHANCE_HARD = (0.60, 0.50, 0.75, 0.50, 0.40, 0.60, 0.85)


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything the renderer needs for one image; equal scenes give equal pixels.

    Attributes:
        vessel_class: What is shown.
        condition: One of `CONDITIONS`.
        seed: Seed of the small detail (waves, stars, flakes, sensor noise).
        x: Centre of the vessel, as a fraction of the image's width.
        horizon: Height of the horizon from the top, as a fraction of the image's height.
        scale: Nominal length of the vessel, as a fraction of the image's width.
        stretch: Factor on the height of the drawing, about 1.
        flip: Whether the bow points to the left.
        light: Deviation from the condition's usual light level, -1 (darker) to 1.
        sky_hue: Shift of the sky towards violet (1) or green (-1).
        sea_hue: Likewise for the sea.
        clutter: Other objects in the image, a subset of hills, skyline, pier, buoy, gulls, clouds, traffic.
    """

    vessel_class: VesselClass
    condition: str
    seed: int
    x: float = 0.5
    horizon: float = 0.5
    scale: float = 0.72
    stretch: float = 1.0
    flip: bool = False
    light: float = 0.0
    sky_hue: float = 0.0
    sea_hue: float = 0.0
    clutter: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the condition.

        Raises:
            ValueError: The condition is unknown.
        """
        if self.condition not in CONDITIONS:
            raise ValueError(f"unknown condition {self.condition!r}; known: {', '.join(CONDITIONS)}")


def sample_scene(vessel_class: VesselClass, condition: str, seed: int, difficulty: Difficulty = "ordinary") -> Scene:
    """Sample the nuisances of a scene.

    Args:
        vessel_class: The class to show.
        condition: One of `CONDITIONS`.
        seed: Non-negative; equal arguments give the same scene on every machine.
        difficulty: `hard` places the vessel far away, off centre and behind clutter.

    Raises:
        ValueError: The condition is unknown.
    """
    rng = np.random.default_rng([seed, 7])
    hard = difficulty == "hard"
    chances = _CLUTTER_CHANCE_HARD if hard else _CLUTTER_CHANCE
    scale = rng.uniform(0.20, 0.36) if hard else rng.uniform(0.52, 0.84)
    reach = 0.30 if hard else 0.10
    return Scene(
        vessel_class=vessel_class,
        condition=condition,
        seed=seed,
        x=float(rng.uniform(0.5 - reach, 0.5 + reach)),
        horizon=float(rng.uniform(0.42, 0.62)),
        scale=float(scale),
        stretch=float(rng.uniform(0.92, 1.10)),
        flip=bool(rng.random() < 0.5),
        light=float(rng.uniform(-1, 1)),
        sky_hue=float(rng.uniform(-1, 1)),
        sea_hue=float(rng.uniform(-1, 1)),
        clutter=tuple(name for name, chance in zip(_CLUTTER, chances, strict=True) if rng.random() < chance),
    )
