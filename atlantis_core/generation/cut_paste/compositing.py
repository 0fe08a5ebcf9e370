"""Puts copies of an object on a background, from back to front, with shadows, and sometimes something before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.generation.cut_paste.cutting import Cutout, warp
from atlantis_core.generation.cut_paste.layouts import draw_layout
from atlantis_core.generation.cut_paste.light import cast_shadow, match_light, shade, take_photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OCCLUDED_SHARE = 0.3
"""Share of the images in which something covers part of the object."""


def paste(cutout: Cutout, background: NDArray[np.uint8], side_px: int, seed: int) -> NDArray[np.uint8]:
    """Return an RGB image of the background's proportions with a short side of `side_px`.

    Equal arguments give equal images.
    """
    random = np.random.default_rng(seed)
    scene = _crop(background, side_px, random).astype(np.float32)
    lit = match_light(cutout, scene, random)
    aspect, filled = cutout.alpha.shape[1] / cutout.alpha.shape[0], float(cutout.alpha.mean())
    layout = draw_layout(cutout.is_box, aspect, filled, random)
    # From above, as lamps are, and a little from the side.
    direction, depth = random.normal(np.pi / 2, 0.6), random.uniform(0.0, 0.5)
    strength = random.uniform(0.35, 0.8)
    high, wide = scene.shape[:2]
    before = scene.copy()
    for copy in layout.copies:
        placed = warp(lit, max(8.0, copy.height * min(high, wide)), copy.degrees, copy.tilt)
        middle = copy.x * wide, copy.y * high
        shadow = cast_shadow(placed.alpha, direction, strength)
        _multiply(scene, shadow, middle)
        _lay(scene, shade(placed, copy.gain, direction, depth), placed.alpha, middle)
    if layout.name == "single" and random.random() < _OCCLUDED_SHARE:
        _occlude(scene, before, random)
    return take_photo(scene, random)


def _crop(background: NDArray[np.uint8], side_px: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return a part of the background, nearer to a corner than to the middle, where its own subject is."""
    import cv2

    high, wide = background.shape[:2]
    share = random.uniform(0.5, 1.0)
    rows, columns = max(2, round(high * share)), max(2, round(wide * share))
    top, left = (round(float(random.beta(0.4, 0.4)) * room) for room in (high - rows, wide - columns))
    part = background[top : top + rows, left : left + columns]
    if random.random() < 0.5:
        part = part[:, ::-1]
    scale = side_px / min(high, wide)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    shrinks = size[0] < columns
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def _window(
    scene: NDArray[np.float32], shape: tuple[int, ...], middle: tuple[float, float]
) -> tuple[slice, ...] | None:
    """Return the rows and columns of the scene and of a patch around `middle` that overlap; None if none do."""
    high, wide = scene.shape[:2]
    top, left = round(middle[1] - shape[0] / 2), round(middle[0] - shape[1] / 2)
    rows, columns = (max(0, top), min(high, top + shape[0])), (max(0, left), min(wide, left + shape[1]))
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return None
    return (
        slice(*rows),
        slice(*columns),
        slice(rows[0] - top, rows[1] - top),
        slice(columns[0] - left, columns[1] - left),
    )


def _multiply(scene: NDArray[np.float32], factor: NDArray[np.float32], middle: tuple[float, float]) -> None:
    if window := _window(scene, factor.shape, middle):
        scene[window[:2]] *= factor[window[2:]][..., None]


def _lay(
    scene: NDArray[np.float32], colours: NDArray[np.float32], alpha: NDArray[np.float32], middle: tuple[float, float]
) -> None:
    if window := _window(scene, alpha.shape, middle):
        share = alpha[window[2:]][..., None]
        scene[window[:2]] += share * (colours[window[2:]] - scene[window[:2]])


def _occlude(scene: NDArray[np.float32], before: NDArray[np.float32], random: np.random.Generator) -> None:
    """Cover a strip at one side of the image by a mirrored part of the background, as by a rail or another ware."""
    high, wide = scene.shape[:2]
    across, down = np.meshgrid(np.linspace(-0.5, 0.5, wide), np.linspace(-0.5, 0.5, high))
    angle = random.uniform(0, 2 * np.pi)
    depth = across * np.cos(angle) + down * np.sin(angle) - random.uniform(0.22, 0.4)
    share = (depth * min(high, wide)).clip(0, 1).astype(np.float32)[..., None]
    scene += share * (before[:, ::-1] - scene)
