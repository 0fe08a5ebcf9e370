"""What several media need of an image: 8-bit pixels for OpenCV, regions of equal colour, where the object is.

There is no saliency model. The object is what GrabCut (Rother et al. 2004) tells apart from the frame of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from atlantis_core.generation.draws import RandomDraws

Pixels = Any
"""(H, W, 3), RGB, 8 bit, as OpenCV takes it (its stubs know arrays of any type only)."""

_MASK_SIDE_PX = 64
"""GrabCut runs at this size: a fifth of the time, and the outline of a thing needs no more."""
_SAMPLE = 1500
"""Pixels from which the colours of flat regions are found."""
_SMALLEST_OBJECT, _LARGEST_OBJECT = 0.05, 0.7
"""Shares of the image between which an object is believed to have been found."""
_LEAST_FILL, _MOST_CUT_OFF = 0.2, 0.3
"""It covers at least so much of its bounding box, and at most so much of the image's frame."""


def to_pixels(image: Tensor) -> Pixels:
    """Turn a float image (3, H, W), 0 to 1, into 8-bit pixels (H, W, 3)."""
    eight_bit = (image.clamp(0, 1) * 255).round().byte()
    return np.ascontiguousarray(eight_bit.permute(1, 2, 0).numpy())


def to_image(pixels: Pixels) -> Tensor:
    """Turn pixels (H, W, 3), 0 to 255, or ink and light (H, W), 0 to 1, into a float image (3, H, W) or (1, H, W)."""
    import torch

    array = np.ascontiguousarray(pixels, dtype=np.float32)
    if array.ndim == 2:
        return torch.from_numpy(array)[None].clamp(0, 1)
    return (torch.from_numpy(array) / 255).permute(2, 0, 1).clamp(0, 1)


def move_pixels(pixels: Any, x: Any, y: Any, border: int) -> Any:
    """Take each pixel from (x, y) of `pixels`, by linear interpolation; `border` is OpenCV's rule for outside."""
    import cv2

    return cv2.remap(pixels, np.float32(x), np.float32(y), cv2.INTER_LINEAR, borderMode=border)  # type: ignore[call-overload]


def odd(size_px: float) -> int:
    """Return the nearest odd size of a window, at least 3."""
    return max(3, 2 * round((size_px - 1) / 2) + 1)


def flatten_colours(pixels: Pixels, colours: int, window_px: float) -> Pixels:
    """Replace fine texture by flat regions of at most `colours` colours: median filter, then k-means of the colours.

    K-means sees about a thousand pixels and starts from bands of brightness, so that equal pixels give equal regions.
    """
    import cv2

    smooth = cv2.medianBlur(pixels, min(odd(window_px), odd(min(pixels.shape[:2]) / 2)))
    points = smooth.reshape(-1, 3).astype(np.float32)
    sample = np.ascontiguousarray(points[:: max(1, len(points) // _SAMPLE)])
    colours = min(colours, len(sample))
    bands = (np.argsort(np.argsort(sample.sum(1), kind="stable")) * colours // len(sample)).astype(np.int32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)
    _, _, centres = cv2.kmeans(sample, colours, bands[:, None], stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    nearest = ((centres**2).sum(1) - 2 * points @ centres.T).argmin(1)
    return centres.round().astype(np.uint8)[nearest].reshape(pixels.shape)


def find_object(pixels: Pixels, draws: RandomDraws, side_px: int = _MASK_SIDE_PX) -> NDArray[np.float32] | None:
    """Return how much each pixel belongs to the object, (H, W), 0 to 1; None where nothing stands out.

    GrabCut learns the background from a frame of the image that is a few pixels wide, and begins with what is around
    the middle as the object. Of what it finds, the piece counts that is largest and nearest to the middle. It is not
    believed if it is cut off by the frame, as a shelf is, or if it is a thin or scattered thing.
    """
    import cv2

    height, width = pixels.shape[:2]
    scale = min(1.0, side_px / min(height, width))
    small = cv2.resize(pixels, (max(8, round(width * scale)), max(8, round(height * scale))), None, 0, 0, 3)
    rows, columns = small.shape[:2]
    away = np.hypot(*np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij"))
    mask = np.where(away < draws.uniform(0.75, 0.95), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    edge = max(1, round(min(rows, columns) * draws.uniform(0.03, 0.07)))
    mask[:edge], mask[-edge:], mask[:, :edge], mask[:, -edge:] = (cv2.GC_BGD,) * 4
    cv2.setRNGSeed(draws.integer(0, 2**30))  # GrabCut's own k-means draws from OpenCV's generator of this thread
    cv2.grabCut(small, mask, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    inside = ((mask == cv2.GC_PR_FGD) | (mask == cv2.GC_FGD)).astype(np.uint8)
    piece = _pick_piece(inside, away)
    if piece is None or not _is_believable(piece[edge:-edge, edge:-edge]):
        return None
    return np.clip(cv2.resize(piece, (width, height), None, 0, 0, cv2.INTER_CUBIC), 0, 1)


def _pick_piece(inside: Any, away: Any) -> NDArray[np.float32] | None:
    """Return the largest piece of a mask (H, W), where pixels far from its middle count less; None without any."""
    import cv2

    opened = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, pieces = cv2.connectedComponents(closed)
    if count < 2:
        return None
    weights = np.bincount(pieces.ravel(), np.exp(-2 * away.ravel() ** 2), count)
    weights[0] = 0
    return (pieces == weights.argmax()).astype(np.float32)


def _is_believable(piece: NDArray[np.float32]) -> bool:
    """Return whether a mask, without the frame that GrabCut was given, looks like that of one whole thing."""
    frame = np.concatenate([piece[0], piece[-1], piece[:, 0], piece[:, -1]])
    rows, columns = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
    if not len(rows):
        return False
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    fits = _SMALLEST_OBJECT < piece.mean() < _LARGEST_OBJECT and piece.sum() > _LEAST_FILL * box
    return bool(fits and frame.mean() < _MOST_CUT_OFF)


def split_by_lightness(pixels: Pixels) -> NDArray[np.float32]:
    """Return the lighter or the darker part (Otsu 1979), (H, W), 0 or 1: the one that the frame shows less of."""
    import cv2

    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), 0.012 * min(pixels.shape[:2]) + 0.3)
    light = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1].astype(np.float32)
    frame = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    return np.asarray(1 - light if frame.mean() > 0.5 else light, dtype=np.float32)


def smooth_shifts(draws: RandomDraws, height: int, width: int, cells: int, reach_px: float) -> NDArray[np.float32]:
    """Return smooth random shifts (2, H, W) in px, of standard deviation `reach_px`, varying over 1/`cells`."""
    import cv2

    coarse = draws.normal(2, cells + 2, cells + 2).numpy() * reach_px
    return np.stack([cv2.resize(one, (width, height), None, 0, 0, cv2.INTER_CUBIC) for one in coarse])
