"""Where the object of a photo is: plain ground by flood fill, else GrabCut, and the reasons to trust neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import ToolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PLAIN_SHARE = 0.6
"""Least share of the border that has the ground's colour; a carton may touch two sides of its catalogue image."""
_SEEN_DIFFERENCE = 5.0
"""CIE 1976 colour difference that is clearly seen; about 2.3 is just noticed (Mahy et al. 1994)."""
_RINGING_PX = 3
_LEAST_AREA, _LARGEST_AREA = 0.02, 0.93
_MOST_PIECES = 6
_PIECE_SHARE = 0.05
"""Pieces below this share of the largest are crumbs, and are dropped."""


class BadMask(ToolError):  # noqa: N818 (no suffix needed)
    """No mask of a photo can be trusted; the message says why."""


@dataclass(frozen=True, slots=True)
class ObjectMask:
    """Which pixels show the object."""

    inside: NDArray[np.bool_]
    """(H, W)."""
    how: str
    """`given`, `plain ground` or `GrabCut`."""


def find_mask(pixels: NDArray[np.uint8], given: NDArray[np.uint8] | None = None) -> ObjectMask:
    """Find the object of an RGB photo (H, W, 3), or check the given grey mask (H, W), in which 128 or more is object.

    Raises:
        BadMask: It is too small, fills the photo, is in many pieces, or does not stand out from its ground.
    """
    if given is not None:
        found = ObjectMask(given >= 128, "given")
    else:
        lab = to_lab(pixels)
        ground = _plain_ground(lab)
        found = (
            ObjectMask(_cut_by_graph(pixels), "GrabCut") if ground is None else ObjectMask(~ground, "plain ground")
        )
    inside = _drop_crumbs(found.inside)
    _check_mask(inside, pixels, found.how)
    return ObjectMask(inside, found.how)


def to_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert RGB (H, W, 3) to CIE Lab: L 0 to 100."""
    import cv2

    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _plain_ground(lab: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return the pixels of the ground's colour joined to the border; None if the ground is not plain."""
    border = np.concatenate([lab[0], lab[-1], lab[1:-1, 0], lab[1:-1, -1]])
    colour = np.median(border, axis=0)
    distance = np.linalg.norm(border - colour, axis=1)
    near = distance[distance < 2 * _SEEN_DIFFERENCE]
    if len(near) < _PLAIN_SHARE * len(border):
        return None
    # Three standard deviations (by the median) of a ground with noise, of JPEG say; a white object on white needs
    # the least that works.
    tolerance = float(np.clip(2.5 + 3 * 1.4826 * np.median(near), 3.0, 2 * _SEEN_DIFFERENCE))
    distances = np.linalg.norm(lab - colour, axis=2)
    ground = _reach_from_border(distances < tolerance)
    return _grow(ground, distances < 4 * _SEEN_DIFFERENCE)


def _grow(ground: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow the ground by a few pixels that are almost of its colour: the ringing of JPEG around an outline."""
    import cv2

    mask = ground.astype(np.uint8)
    for _ in range(_RINGING_PX):
        mask = cv2.dilate(mask, np.ones((3, 3), np.uint8)) & (allowed | ground).astype(np.uint8)
    return mask.astype(bool)


def _reach_from_border(open_pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels that are reached from outside over open ones (8 neighbours would leak through outlines)."""
    import cv2

    framed = np.pad(open_pixels.astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(framed, None, (0, 0), 2, flags=4)
    return np.asarray(framed[1:-1, 1:-1] == 2)


def _cut_by_graph(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the object by GrabCut (Rother et al. 2004); the outer tenth is given as ground."""
    import cv2

    height, width = pixels.shape[:2]
    x, y = max(1, width // 10), max(1, height // 10)
    if width - 2 * x < 3 or height - 2 * y < 3:
        raise BadMask("the photo is too small to cut an object out of it")
    marks = np.zeros((height, width), np.uint8)
    cv2.setRNGSeed(0)  # its clusters start at random points, from the thread's own generator of OpenCV
    empty: Any = np.zeros((1, 65), np.float64)
    cv2.grabCut(
        np.ascontiguousarray(pixels[..., ::-1]),
        marks,
        (x, y, width - 2 * x, height - 2 * y),
        empty,
        empty.copy(),
        3,
        cv2.GC_INIT_WITH_RECT,
    )
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))


def _drop_crumbs(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close gaps of a pixel, drop pieces that are small beside the largest, and fill holes."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    closed = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel)
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    areas = facts[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = np.isin(pieces, np.flatnonzero(areas > _PIECE_SHARE * areas.max()))
    return ~_reach_from_border(~kept)


def _check_mask(inside: NDArray[np.bool_], pixels: NDArray[np.uint8], how: str) -> None:
    import cv2

    share = float(inside.mean())
    if share < _LEAST_AREA:
        raise BadMask(f"the object found ({how}) is {share:.1%} of the photo, too small to paste")
    border = np.concatenate([inside[0], inside[-1], inside[1:-1, 0], inside[1:-1, -1]])
    if share > _LARGEST_AREA or border.mean() > _PLAIN_SHARE:
        raise BadMask(f"the object found ({how}) fills the photo, so it has no outline")
    pieces = cv2.connectedComponents(inside.astype(np.uint8), connectivity=8)[0] - 1
    if pieces > _MOST_PIECES:
        raise BadMask(f"the object found ({how}) is in {pieces} pieces")
    if how == "GrabCut" and (difference := _contrast(inside, pixels)) < 2 * _SEEN_DIFFERENCE:
        raise BadMask(f"the object found ({how}) hardly differs from its ground (colour difference {difference:.0f})")


def _contrast(inside: NDArray[np.bool_], pixels: NDArray[np.uint8]) -> float:
    """Return the colour difference between the bands on both sides of the outline."""
    import cv2

    lab, width = to_lab(pixels), max(3, min(inside.shape) // 24)
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    mask = inside.astype(np.uint8)
    inner = inside & (cv2.erode(mask, kernel, borderValue=1) == 0)
    outer = ~inside & (cv2.dilate(mask, kernel) == 1)
    if not inner.any() or not outer.any():
        return 0.0
    return float(np.linalg.norm(np.median(lab[inner], axis=0) - np.median(lab[outer], axis=0)))
