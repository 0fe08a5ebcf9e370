"""Strong online-style augmentation of one picture, seeded by its content, so that no batch order matters.

Pillow does the work: it is quick at these sizes, exact for a given seed and needs no global random state.
Pictures are flipped seldom, since writing on packages and number plates does not survive it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from PIL.Image import Image, Resampling

VERSION = 1
"""Raise it whenever the same seed would give another picture: cached views are keyed by it."""

_LEAST_BLUR = 0.2
"""Radius in pixels of the weakest blur; on sides under 14 px the only one."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How far a view may stray from its picture."""

    smallest_area: float
    """Least share of the picture a random crop keeps."""
    largest_aspect: float
    """Widest aspect ratio of a crop (its inverse is the narrowest)."""
    flip: float
    """Probability of a mirror image."""
    rotation_degrees: float
    """Largest rotation either way."""
    light: float
    """Brightness, contrast and saturation are scaled by 1 +- this."""
    tint: float
    """Red, green and blue are scaled, each by 1 +- this."""
    blur: float
    """Probability of a Gaussian blur: its radius is up to 1.5 % of the side, and at least `_LEAST_BLUR`."""
    grey: float
    """Probability of a grey picture."""


STRENGTHS = {
    "mild": Strength(0.6, 1.2, 0.2, 5, 0.2, 0.05, 0.1, 0.0),
    "strong": Strength(0.35, 1.33, 0.2, 12, 0.4, 0.12, 0.2, 0.1),
}


def strength_of(name: str) -> Strength:
    """Return a strength by name.

    Raises:
        SetupError: No such strength.
    """
    if name not in STRENGTHS:
        raise SetupError(f"unknown augmentation {name!r}; known: {', '.join(sorted(STRENGTHS))}")
    return STRENGTHS[name]


def augmented_view(
    picture: Image,
    side_px: int,
    strength: Strength,
    image_id: str,
    number: int,
    resampling: Resampling | None = None,
) -> Image:
    """Return view `number` (from 1) of a picture as a square of `side_px`; same id and number, same view.

    A backbone's `crop_pct` has no part in it: as in timm's own training transform, the crop is drawn from the whole
    picture, and how much of it is kept is the strength's to say.

    Args:
        picture: RGB.
        side_px: Side of the square.
        strength: How far the view may stray.
        image_id: Content hash of the picture.
        number: Of the view.
        resampling: Filter that scales the crop, the one of the clean view; None is bicubic.
    """
    digest = hashlib.sha256(f"{VERSION}/{image_id}/{number}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return _apply_colour(_apply_geometry(picture, side_px, strength, generator, resampling), strength, generator)


def _apply_geometry(
    picture: Image, side_px: int, strength: Strength, generator: np.random.Generator, resampling: Resampling | None
) -> Image:
    from PIL import ImageOps
    from PIL.Image import Resampling

    angle = generator.uniform(-strength.rotation_degrees, strength.rotation_degrees)
    turned = picture.rotate(angle, Resampling.BILINEAR, fillcolor=_border_colour(picture))
    box = _crop_box(picture.width, picture.height, strength, generator)
    cropped = turned.resize((side_px, side_px), resampling or Resampling.BICUBIC, box=box)
    return ImageOps.mirror(cropped) if generator.random() < strength.flip else cropped


def _border_colour(picture: Image) -> tuple[int, int, int]:
    """Return the mean colour of a picture's edge, which fills the corners a rotation uncovers."""
    pixels = np.asarray(picture)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = edge.mean(axis=0).round().astype(int).tolist()
    return red, green, blue


def _crop_box(
    width: int, height: int, strength: Strength, generator: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw a crop by area and aspect (Szegedy et al. 2015, section 6), shrunk where it would not fit."""
    area = width * height * generator.uniform(strength.smallest_area, 1.0)
    spread = math.log(strength.largest_aspect)
    aspect = math.exp(generator.uniform(-spread, spread))
    across, down = min(math.sqrt(area * aspect), width), min(math.sqrt(area / aspect), height)
    left, top = generator.uniform(0, width - across), generator.uniform(0, height - down)
    return left, top, left + across, top + down


def _apply_colour(picture: Image, strength: Strength, generator: np.random.Generator) -> Image:
    from PIL import ImageEnhance, ImageFilter

    enhancers: list[Callable[[Image], ImageEnhance._Enhance]] = [
        ImageEnhance.Brightness,
        ImageEnhance.Contrast,
        ImageEnhance.Color,
    ]
    for index in generator.permutation(len(enhancers)):
        factor = generator.uniform(1 - strength.light, 1 + strength.light)
        picture = enhancers[index](picture).enhance(factor)
    picture = _scale_channels(picture, generator.uniform(1 - strength.tint, 1 + strength.tint, size=3))
    if generator.random() < strength.blur:
        radius = generator.uniform(_LEAST_BLUR, max(_LEAST_BLUR, 0.015 * picture.width))
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
    return picture.convert("L").convert("RGB") if generator.random() < strength.grey else picture


def _scale_channels(picture: Image, gains: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Image:
    """Scale red, green and blue by `gains` (3,), as another light would."""
    tables = np.clip(np.arange(256)[None, :] * gains[:, None], 0, 255).round().astype(int)
    return picture.point(tables.ravel().tolist())
