"""Augment one image with random numbers seeded by its content, so that the order of batches does not matter.

Pillow is fast at these sizes, reproducible for a seed and needs no global random state. Images are rarely flipped,
since a flip destroys the writing on packages and number plates.
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
"""Raise it whenever the same seed would give another view: it is part of the content hash of cached views."""

_MIN_BLUR_PX = 0.2
"""Smallest radius of a blur; sides under 14 px get only this one."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How much a view may differ from its image."""

    smallest_area: float
    """Least share of the image's area that a random crop keeps."""
    largest_aspect: float
    """Widest aspect ratio of a crop (its inverse is the narrowest)."""
    flip: float
    rotation_degrees: float
    """Largest rotation in either direction."""
    light: float
    """Brightness, contrast and saturation are each scaled by 1 +- this."""
    tint: float
    """Red, green and blue are each scaled by 1 +- this."""
    blur: float
    """Probability of a Gaussian blur with a radius from `_MIN_BLUR_PX` to 1.5 % of the side."""
    grey: float


STRENGTHS = {
    "mild": Strength(0.6, 1.2, 0.2, 5, 0.2, 0.05, 0.1, 0.0),
    "strong": Strength(0.35, 1.33, 0.2, 12, 0.4, 0.12, 0.2, 0.1),
}


def strength_of(name: str) -> Strength:
    """Return a strength by name.

    Raises:
        SetupError: Unknown name.
    """
    if name not in STRENGTHS:
        raise SetupError(f"unknown augmentation {name!r}; known: {', '.join(sorted(STRENGTHS))}")
    return STRENGTHS[name]


def augmented_view(
    image: Image,
    side_px: int,
    strength: Strength,
    image_id: str,
    number: int,
    resampling: Resampling | None = None,
) -> Image:
    """Return view `number` (from 1) of an RGB image as a square of `side_px`; same id and number, same view.

    A backbone's `crop_pct` plays no part: as in timm's training transform, the crop is drawn from the complete image,
    and the strength decides how much of it is kept. `resampling` scales the crop; None means bicubic.
    """
    digest = hashlib.sha256(f"{VERSION}/{image_id}/{number}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return _apply_colour(_apply_geometry(image, side_px, strength, generator, resampling), strength, generator)


def _apply_geometry(
    image: Image, side_px: int, strength: Strength, generator: np.random.Generator, resampling: Resampling | None
) -> Image:
    from PIL import ImageOps
    from PIL.Image import Resampling

    angle = generator.uniform(-strength.rotation_degrees, strength.rotation_degrees)
    # The mean colour of the border fills the corners that a rotation uncovers.
    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = edge.mean(axis=0).round().astype(int).tolist()
    rotated = image.rotate(angle, Resampling.BILINEAR, fillcolor=(red, green, blue))
    box = _crop_box(image.width, image.height, strength, generator)
    cropped = rotated.resize((side_px, side_px), resampling or Resampling.BICUBIC, box=box)
    return ImageOps.mirror(cropped) if generator.random() < strength.flip else cropped


def _crop_box(
    width: int, height: int, strength: Strength, generator: np.random.Generator
) -> tuple[float, float, float, float]:
    """Draw a crop by area and aspect ratio (Szegedy et al. 2015, section 6), shrunk to fit into the image."""
    area = width * height * generator.uniform(strength.smallest_area, 1.0)
    spread = math.log(strength.largest_aspect)
    aspect = math.exp(generator.uniform(-spread, spread))
    across, down = min(math.sqrt(area * aspect), width), min(math.sqrt(area / aspect), height)
    left, top = generator.uniform(0, width - across), generator.uniform(0, height - down)
    return left, top, left + across, top + down


def _apply_colour(image: Image, strength: Strength, generator: np.random.Generator) -> Image:
    from PIL import ImageEnhance, ImageFilter

    enhancers: list[Callable[[Image], ImageEnhance._Enhance]]
    enhancers = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    for index in generator.permutation(len(enhancers)):
        factor = generator.uniform(1 - strength.light, 1 + strength.light)
        image = enhancers[index](image).enhance(factor)
    gains = generator.uniform(1 - strength.tint, 1 + strength.tint, size=3)  # as light of another colour does
    tables = np.clip(np.arange(256)[None, :] * gains[:, None], 0, 255).round().astype(int)
    image = image.point(tables.ravel().tolist())
    if generator.random() < strength.blur:
        radius = generator.uniform(_MIN_BLUR_PX, max(_MIN_BLUR_PX, 0.015 * image.width))
        image = image.filter(ImageFilter.GaussianBlur(radius))
    return image.convert("L").convert("RGB") if generator.random() < strength.grey else image
