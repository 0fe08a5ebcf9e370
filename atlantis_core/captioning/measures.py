"""Measure an image without a model: light, contrast, colour, cast, blur, clutter.

Everything but blur is measured at 64 px (short side), so that an image and its thumbnail agree. Blur is measured
at up to 128 px, about the size that a retriever reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_SIDE_PX = 64
_BLUR_SIDE_PX = 128
_BORDER = 0.15
_EDGE_LIGHTNESS_PER_PX = 4.0


@dataclass(frozen=True, slots=True)
class Measures:
    """The measurements of one image."""

    lightness: float
    """Mean CIE L*, 0 black to 100 white; a grey card is about 50."""
    contrast: float
    """Standard deviation of L* (RMS contrast), in L* units."""
    colourfulness: float
    """Hasler and Suesstrunk 2003, eq. 10: 33 is moderately, 82 highly colourful."""
    cast: float
    """Length of the mean (a*, b*) of the least coloured 30 % of the pixels: how grey things are tinted."""
    cast_degrees: float
    """Hue angle of the cast, -180 to 180: 0 red, 90 yellow, -90 blue."""
    blur: float
    """Crete et al. 2007, 0 sharp to 1 blurred."""
    clutter: float
    """Share of the outer frame (15 % on each side) that lies on an edge, 0 to 1."""


def measure_image(image: Image) -> Measures:
    """Measure one RGB image of any size; equal pixels give equal measurements."""
    small = np.asarray(_reduce(image, _SIDE_PX), dtype=np.float32)
    lab = _lab(small)
    cast, degrees = _cast(lab)
    return Measures(
        lightness=float(lab[..., 0].mean()),
        contrast=float(lab[..., 0].std()),
        colourfulness=_colourfulness(small),
        cast=cast,
        cast_degrees=degrees,
        blur=_blur(np.asarray(_reduce(image, _BLUR_SIDE_PX).convert("L"), dtype=np.float32)),
        clutter=_clutter(lab[..., 0]),
    )


def _reduce(image: Image, side_px: int) -> Image:
    """Shrink an image to a short side of `side_px`; return a smaller one unchanged."""
    from PIL.Image import Resampling

    scale = side_px / min(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Resampling.BOX)


def _lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert sRGB (H, W, 3), 0 to 255, into CIE 1976 L*a*b* under D65 (IEC 61966-2-1, CIE 15)."""
    value = rgb / np.float32(255)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], dtype=np.float32
    )
    xyz = linear.astype(np.float32) @ to_xyz.T / np.array([0.95047, 1.0, 1.08883], dtype=np.float32)
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _colourfulness(rgb: NDArray[np.float32]) -> float:
    """Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images", eq. 10."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    centre = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(spread + 0.3 * centre)


def _cast(lab: NDArray[np.float32]) -> tuple[float, float]:
    """Return strength and hue of the tint: the grey-world assumption, on the least coloured pixels only."""
    lightness, a, b = (lab[..., channel].ravel() for channel in range(3))
    chroma = np.hypot(a, b)
    seen = (lightness > 15) & (lightness < 95)
    if seen.sum() < 32:  # a black or burnt-out image has no cast
        return 0.0, 0.0
    grey = seen & (chroma <= np.percentile(chroma[seen], 30))
    mean_a, mean_b = float(a[grey].mean()), float(b[grey].mean())
    return float(np.hypot(mean_a, mean_b)), float(np.degrees(np.arctan2(mean_b, mean_a)))


def _blur(luma: NDArray[np.float32]) -> float:
    """Crete et al. 2007, "The blur effect": the share of the variation that survives a second blur."""
    from scipy.ndimage import uniform_filter1d

    worst = 0.0
    for axis in (0, 1):
        sharp = np.abs(np.diff(luma, axis=axis))
        again = np.abs(np.diff(uniform_filter1d(luma, 9, axis=axis), axis=axis))
        total = float(sharp.sum())
        lost = float(np.maximum(0, sharp - again).sum())
        worst = max(worst, (total - lost) / total if total else 1.0)
    return worst


def _clutter(lightness: NDArray[np.float32]) -> float:
    """Return the share of pixels in the outer frame whose lightness changes by more than 4 L* per pixel."""
    from scipy.ndimage import sobel

    edges = np.hypot(sobel(lightness, axis=0), sobel(lightness, axis=1)) / 8
    width_px = max(1, int(min(lightness.shape) * _BORDER))
    frame = np.ones(lightness.shape, dtype=bool)
    frame[width_px:-width_px, width_px:-width_px] = False
    return float((edges[frame] > _EDGE_LIGHTNESS_PER_PX).mean())
