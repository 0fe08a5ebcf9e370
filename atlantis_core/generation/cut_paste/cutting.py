"""Cuts the object out of its photo, and warps it to where it will stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.generation.cut_paste.masks import ObjectMask

_BOX_SHARE = 0.82
"""An outline that fills this share of the smallest rectangle around it is a box: it stands, it does not roll.

An ellipse fills pi / 4 = .785 of it.
"""
_UPRIGHT_ASPECT = 1.7
"""What is that much higher than wide in its image stands too, such as a bottle, or a box cut out with a shadow."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """An object with soft edges, cropped to its outline."""

    colours: NDArray[np.float32]
    """(H, W, 3), RGB, 0 to 255."""
    alpha: NDArray[np.float32]
    """(H, W), 0 to 1."""
    is_box: bool
    """Whether it stands upright, as boxes and bottles do."""


def cut_out(pixels: NDArray[np.uint8], mask: ObjectMask) -> Cutout:
    """Crop to the mask; its edge is moved inwards by half a pixel and softened, since it mixes in the old ground."""
    import cv2

    rows, columns = (np.flatnonzero(mask.inside.any(axis=axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = np.pad(mask.inside[box].astype(np.uint8), 2)
    core = cv2.erode(inside, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    alpha = cv2.GaussianBlur(core.astype(np.float32), (0, 0), 0.7) * inside
    points = cv2.findNonZero(inside)
    _, (width, height), _ = cv2.minAreaRect(points)
    filled = float(inside.sum()) / max(1.0, (width + 1) * (height + 1))
    rows_high, columns_wide = np.subtract(inside.shape, 4)
    is_upright = rows_high > _UPRIGHT_ASPECT * columns_wide and inside.sum() > 0.6 * rows_high * columns_wide
    colours = np.pad(pixels[box], ((2, 2), (2, 2), (0, 0)), mode="edge").astype(np.float32)
    return Cutout(colours, np.asarray(alpha, dtype=np.float32), filled >= _BOX_SHARE or bool(is_upright))


def warp(cutout: Cutout, height_px: float, degrees: float, tilt: NDArray[np.float64]) -> Cutout:
    """Scale to a height, turn, and look from the side: `tilt` (4, 2) moves the corners by shares of the size."""
    import cv2

    height, width = cutout.alpha.shape
    scale = height_px / height
    size = np.array([width * scale, height_px])
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = ((corners + tilt) * size) @ turn.T
    target -= target.min(axis=0) - 1
    wide, high = np.ceil(target.max(axis=0) + 1).astype(int)
    source = (corners + 0.5) * [width, height]
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    # Premultiplied, so that the old ground does not bleed in; shrunk first, since warping does not average.
    planes = np.dstack([cutout.colours * cutout.alpha[..., None], cutout.alpha])
    if scale < 0.75:
        shrunk = max(1, round(width * scale)), max(1, round(height_px))
        planes = cv2.resize(planes, shrunk, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.diag([width / shrunk[0], height / shrunk[1], 1.0])
    warped = cv2.warpPerspective(planes, matrix, (int(wide), int(high)), flags=cv2.INTER_LINEAR)
    alpha = warped[..., 3].clip(0, 1)
    colours = warped[..., :3] / np.maximum(alpha, 1e-3)[..., None]
    return Cutout(colours.clip(0, 255), alpha, cutout.is_box)
