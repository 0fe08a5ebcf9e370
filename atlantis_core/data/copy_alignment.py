"""Windows of small images are moved, resized and turned until they fit other images best.

They are compared by the cosine of their brightness steps on a 12 x 12 grid (direct alignment, Szeliski 2006, "Image
Alignment and Stitching", section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.near_duplicates import GRID

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FINE = 12
_HOPELESS = ((1, 0.1), (2, 0.25), (4, 0.35))
"""A window that is still below a cosine after so many steps of its refinement is given up."""

_MOST_STEPS = 30
_FIRST_MOVE, _LAST_MOVE = 0.05, 0.01
_MOST_TURN = 0.12  # radians, about 7 degrees
_SIDES = (0.5, 1.15)

_MARGIN = 4  # pixels of a 17 x 17 image; cubic interpolation needs two
_WHOLE_PLACE = np.array([0.5, 0.5, 1.0, 1.0, 0.0])
_TURNS = np.array([[0, 0, 0, 0, -0.08], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0.08]])
_MOVES = np.concatenate([np.eye(5), -np.eye(5)])


def align_windows(
    images: NDArray[np.float32],
    held_out: NDArray[np.float32],
    windows: NDArray[np.float64],
    of_image: NDArray[np.intp],
    enough: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move N windows (left, top, width, height) of held-out images (N, 17, 17) to where they fit images best.

    All are moved at once; those that no step improves any more, or that are hopeless, are left where they are, and so
    are all of an image (by number, `of_image`, (N,)) of which one is above `enough`.

    Returns:
        The cosines, (N,), and the places, (N, 5).
    """
    count = len(windows)
    targets = _fine_steps(images, np.tile(_WHOLE_PLACE, (count, 1, 1)))[:, 0]
    centres = np.concatenate([windows[:, :2] + windows[:, 2:] / 2, windows[:, 2:], np.zeros((count, 1))], axis=1)
    places = np.concatenate([centres[:, None] + _TURNS, np.tile(_WHOLE_PLACE + _TURNS, (count, 1, 1))], axis=1)
    best, at, move = np.full(count, -1.0), centres.copy(), np.full(count, _FIRST_MOVE)
    active = np.arange(count)
    for step in range(_MOST_STEPS):
        least = max((least for after, least in _HOPELESS if step == after), default=-1.0)
        done = np.isin(of_image, of_image[best > enough])
        active = active[(best[active] >= least) & ~done[active]]
        if not len(active):
            break
        cosines = np.einsum("nps,ns->np", _fine_steps(held_out[active], places[active]), targets[active])
        top = cosines.argmax(axis=1)
        score = cosines[np.arange(len(active)), top]
        better = score > best[active]
        risen = active[better]
        best[risen], at[risen] = score[better], places[risen, top[better]]
        active, stuck = active[better | (move[active] > _LAST_MOVE)], active[~better]
        move[stuck] /= 2
        places = _keep_inside(at[:, None] + move[:, None, None] * _MOVES)
    return best, at


def _keep_inside(places: NDArray[np.float64]) -> NDArray[np.float64]:
    places[..., 2:4] = places[..., 2:4].clip(*_SIDES)
    places[..., 4] = places[..., 4].clip(-_MOST_TURN, _MOST_TURN)
    return places


def _fine_steps(images: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the brightness steps in P windows of each of N images, (N, P, steps), of length 1.

    A place is the window's centre, its width and height, as shares of the image, and its angle in radians: (N, P, 5).
    """
    import cv2

    count, each = places.shape[:2]
    grid = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    x, y, width, height, turn = (places[..., index, None, None] for index in range(5))
    across, down = grid[None, None, None, :] * width, grid[None, None, :, None] * height
    columns = (x + np.cos(turn) * across - np.sin(turn) * down) * GRID - 0.5
    rows = (y + np.sin(turn) * across + np.cos(turn) * down) * GRID - 0.5
    # One tall image, each in a margin of its own border: further outside, nothing changes.
    padded = np.pad(images, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)), mode="edge")
    tall = padded.reshape(-1, padded.shape[2])
    first = np.arange(count)[:, None, None, None] * padded.shape[1] + _MARGIN
    low, high = 1 - _MARGIN, GRID + _MARGIN - 2
    flat = (-1, _FINE)
    seen = cv2.remap(
        tall,
        (columns.clip(low, high) + _MARGIN).reshape(flat).astype(np.float32),
        (rows.clip(low, high) + first).reshape(flat).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(count, each, _FINE, _FINE)
    steps = np.concatenate(
        [np.diff(seen, axis=3).reshape(count, each, -1), np.diff(seen, axis=2).reshape(count, each, -1)], axis=2
    )
    usual = np.abs(steps).mean(axis=2, keepdims=True)
    squashed = np.tanh(steps / np.maximum(3 * usual, 1e-6))
    return np.asarray(squashed / np.maximum(np.linalg.norm(squashed, axis=2, keepdims=True), 1e-6), dtype=np.float32)
