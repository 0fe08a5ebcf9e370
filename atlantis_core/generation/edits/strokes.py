"""Strokes of a drawing: where an image has edges, and how a hand would draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.generation.edits import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from atlantis_core.generation.draws import RandomDraws
    from atlantis_core.generation.edits.shapes import Pixels

    Ink = NDArray[np.float32]
    """(H, W), 0 paper to 1 ink."""


_SHORTEST_OUTLINE = 0.24
"""Length of the shortest outline that is drawn, in short sides of the image."""
_SIZES = (0.4, 1.0)
"""Larger extent of what is drawn, as a share of the paper: people draw small things large, and large ones small."""
_WHOLE_SIZES = (0.7, 1.1)
_LARGEST_SCALE = 2.5


def canny_edges(pixels: Pixels, draws: RandomDraws) -> Ink:
    """Canny (1986): maxima of the gradient, one pixel wide, weak ones only where they continue strong ones."""
    import cv2

    across, down, magnitude = _gradients(pixels, draws)
    high = float(np.quantile(magnitude, draws.uniform(0.82, 0.95)))
    low = high * draws.uniform(0.3, 0.6)
    return (cv2.Canny(across, down, max(1, low), max(2, high), L2gradient=True) > 0).astype(np.float32)


def gradient_maxima(pixels: Pixels, draws: RandomDraws) -> Ink:
    """Every maximum of the gradient, the darker the steeper, as a pencil pressed more or less."""
    import cv2

    across, down, magnitude = _gradients(pixels, draws)
    thin = cv2.Canny(across, down, 1, 2, L2gradient=True) > 0
    floor, full = np.quantile(magnitude, [draws.uniform(0.6, 0.8), draws.uniform(0.9, 0.97)])
    pressed = np.clip((magnitude - floor) / max(float(full - floor), 1e-3), 0, 1)
    return np.asarray(np.where(thin, pressed, 0), dtype=np.float32)


def difference_of_gaussians(pixels: Pixels, draws: RandomDraws) -> Ink:
    """Dark side of edges, and dark thin things whole (XDoG, Winnemoeller et al. 2012, thresholded)."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sigma = draws.uniform(0.8, 1.8) * max(1.0, min(grey.shape) / 128)
    valley = cv2.GaussianBlur(grey, (0, 0), 1.6 * sigma) - cv2.GaussianBlur(grey, (0, 0), sigma)
    floor, full = np.quantile(valley, [draws.uniform(0.72, 0.82), 0.95])
    return np.asarray(valley > max(floor + 0.3 * (full - floor), 0.5), dtype=np.float32)


def region_borders(pixels: Pixels, draws: RandomDraws) -> Ink:
    """Borders of regions of about equal colour: contours without texture."""
    window = draws.uniform(0.04, 0.09) * min(pixels.shape[:2])
    flat = shapes.flatten_colours(pixels, draws.integer(3, 7), window).astype(np.int16)
    border = np.zeros(flat.shape[:2], dtype=np.float32)
    border[:, 1:] = np.abs(np.diff(flat, axis=1)).sum(2) > 0
    border[1:] = np.maximum(border[1:], np.abs(np.diff(flat, axis=0)).sum(2) > 0)
    return border


DETECTORS: tuple[Callable[[Pixels, RandomDraws], Ink], ...] = (
    canny_edges,
    gradient_maxima,
    difference_of_gaussians,
    region_borders,
)


def _gradients(pixels: Pixels, draws: RandomDraws) -> tuple[NDArray[np.int16], NDArray[np.int16], Ink]:
    """Return the steepest channel's gradient along and across rows, (H, W) each, and its length."""
    import cv2

    sigma = draws.uniform(0.8, 2.0) * max(0.5, min(pixels.shape[:2]) / 128)
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    if draws.chance(0.5):
        across, down = cv2.Scharr(soft, cv2.CV_16S, 1, 0), cv2.Scharr(soft, cv2.CV_16S, 0, 1)
    else:
        across, down = cv2.Sobel(soft, cv2.CV_16S, 1, 0), cv2.Sobel(soft, cv2.CV_16S, 0, 1)
    length = np.hypot(across.astype(np.float32), down.astype(np.float32))
    steepest = length.argmax(2)[..., None]
    along, over, most = (np.take_along_axis(one, steepest, 2)[..., 0] for one in (across, down, length))
    return np.ascontiguousarray(along), np.ascontiguousarray(over), most


def keep_long_strokes(ink: Ink, share: float, shortest_px: float) -> Ink:
    """Keep the strokes with most ink until they cover `share` of the paper; those under `shortest_px` are specks."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 0.1).astype(np.uint8), connectivity=8)
    extent = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    amount = np.bincount(labels.ravel(), weights=ink.ravel(), minlength=count)
    amount[0] = 0  # the paper
    amount[extent < shortest_px] = 0
    order = np.argsort(-amount, kind="stable")
    before = np.cumsum(amount[order]) - amount[order]
    kept = np.zeros(count, dtype=bool)
    kept[order[(before < share * ink.size) & (amount[order] > 0)]] = True
    return np.asarray(np.where(kept[labels], ink, 0), dtype=np.float32)


def draw_outline(inside: Ink) -> Ink:
    """Draw around the parts of a mask (H, W), 0 to 1, in smooth closed strokes, one pixel wide."""
    import cv2

    side = min(inside.shape)
    soft = cv2.GaussianBlur(inside, (0, 0), 0.01 * side)
    outlines, _ = cv2.findContours((soft > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    ink = np.zeros(inside.shape, dtype=np.uint8)
    for outline in outlines:
        if len(outline) > _SHORTEST_OUTLINE * side:
            points = np.round(_smooth_loop(outline[:, 0].astype(np.float32)) * 8).astype(np.int32)
            cv2.polylines(ink, [points], True, 255, 1, cv2.LINE_AA, 3)
    return np.asarray(ink / 255, dtype=np.float32)


def _smooth_loop(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Smooth a closed line (N, 2) along itself, over about a fiftieth of its length."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(points.astype(np.float64), max(1, len(points) // 100), axis=0, mode="wrap"))


def add_outline(ink: Ink, outline: Ink) -> Ink:
    """Draw an outline in place of the strokes that lie along it."""
    import cv2

    reach = shapes.odd(0.07 * min(ink.shape))
    near = cv2.dilate((outline > 0.3).astype(np.uint8), np.ones((reach, reach), np.uint8))
    return np.asarray(np.maximum(ink * (1 - near), outline), dtype=np.float32)


def shake_and_place(inks: Sequence[Ink], draws: RandomDraws, *, fits: bool) -> list[Ink]:
    """Redraw strokes as a hand would: wavy, out of proportion, of another size, place and side; all inks alike.

    If it `fits`, what the first ink shows covers two fifths of the paper to all of it; else the whole photo does.
    """
    import cv2

    height, width = inks[0].shape
    side = min(height, width)
    wobble = shapes.smooth_shifts(draws, height, width, 4, side * draws.uniform(0.004, 0.022))
    tremble = shapes.smooth_shifts(draws, height, width, 14, side * draws.uniform(0.001, 0.006))
    size = draws.uniform(*(_SIZES if fits else _WHOLE_SIZES))
    (x, y), extent = _measure_ink(inks[0]) if fits else ((width / 2, height / 2), 1.0)
    scale = min(_LARGEST_SCALE, size / max(extent, 0.15))
    matrix = cv2.getRotationMatrix2D((x, y), draws.uniform(-9, 9), scale)
    stretch = np.sqrt(draws.uniform(0.85, 1.18)) * np.array([[-1.0 if draws.chance(0.5) else 1.0], [1.0]])
    stretch[1] = 1 / abs(stretch[0])
    room = 0.6 * max(0.0, 1 - size) / 2
    place = [width * (0.5 + room * draws.uniform(-1, 1)), height * (0.5 + room * draws.uniform(-1, 1))]
    matrix[:, 2] -= (x, y)
    matrix = matrix * stretch
    matrix[:, 2] += place
    inverse = cv2.invertAffineTransform(matrix)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    shift = (wobble + tremble) / scale
    from_x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2] + shift[0]
    from_y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2] + shift[1]
    return [shapes.move_pixels(ink, from_x, from_y, cv2.BORDER_CONSTANT) for ink in inks]


def _measure_ink(ink: Ink) -> tuple[tuple[float, float], float]:
    """Return the middle (x, y) of what is drawn, and its larger extent as a share of the paper, without specks."""
    height, width = ink.shape
    rows, columns = np.nonzero(ink > 0.3)
    if len(rows) < 10:
        return (width / 2, height / 2), 1.0
    (left, right), (top, bottom) = (np.quantile(places, [0.01, 0.99]) for places in (columns, rows))
    return ((left + right) / 2, (top + bottom) / 2), float(max((right - left) / width, (bottom - top) / height))


def thicken(ink: Ink, width_px: float) -> Ink:
    """Draw thin strokes with a pen of this width; a fraction of a pixel makes them darker or paler."""
    import cv2

    soft = cv2.GaussianBlur(ink, (0, 0), max(0.4, width_px / 2.5))
    # A line one pixel wide has this peak after the blur: what reaches half of it lies under the pen.
    peak = 1 / (max(0.4, width_px / 2.5) * np.sqrt(2 * np.pi))
    return np.asarray(np.clip((soft / peak - 0.25) * 2.0, 0, 1), dtype=np.float32)


def break_strokes(ink: Ink, draws: RandomDraws, share: float) -> Ink:
    """Leave out strokes in soft patches that together cover about `share` of the paper."""
    height, width = ink.shape
    pattern = shapes.smooth_shifts(draws, height, width, 16, 1.0)[0]
    gap = np.clip((np.quantile(pattern, share) - pattern) * 4 + 0.5, 0, 1) if share > 0 else 0
    return np.asarray(ink * (1 - gap), dtype=np.float32)
