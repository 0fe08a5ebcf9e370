"""Hidden copies: whether an image is a crop, mirror image or slight rotation of one of many, by fingerprints alone.

A fingerprint (`near_duplicates`) contains the brightness steps of an image on a 17 x 17 grid. They determine its
brightness up to scale and offset (`restore_brightness`), so every crop of a held-out image can be compared without
its file, also in workspaces that were written before this check. Two stages: the windows of all held-out images are
ranked by the cosine of their brightness on a 6 x 6 grid; for the best ones position, size and angle of the window are
refined on 12 x 12 brightness steps (direct alignment, Szeliski 2006, "Image Alignment and Stitching", section 3).

Measured by `bench/planted_leaks.py` (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.near_duplicates import GRID, split_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 0.66
"""Aligned images with a higher cosine of their brightness steps show the same shot."""

_COARSE, _FINE = 6, 12
_SIZES, _STEP, _LEAST_AREA = (0.6, 0.7, 0.8, 0.9, 1.0), 0.1, 0.55
"""Sides of windows, distance of their corners, and the least area, as shares of the image."""

_SHORTLIST = 8
"""Windows, each of another image, that are refined."""

_LEAD, _MANY = 0.15, 200
"""A lead in coarse cosine that decides alone, where so many images are known: 603 photos that are no copies of 1,425
held-out ones had leads of at most 0.078."""

_HOPELESS = ((1, 0.1), (2, 0.25), (4, 0.35))
"""A window that is still below a cosine after so many steps of its refinement is given up."""

_MOST_STEPS = 30
_FIRST_MOVE, _LAST_MOVE = 0.05, 0.01
_MOST_TURN = 0.12  # radians, about 7 degrees
_SIDES = (0.5, 1.15)

_ROWS_AT_ONCE = 2048


def restore_brightness(print_: bytes) -> NDArray[np.float32]:
    """Return the brightness that a fingerprint's steps come from, (17, 17), up to scale and offset.

    The squashing of the steps is undone, and the Poisson equation solved by a cosine transform (least squares, as in
    Frankot and Chellappa 1988).
    """
    from scipy.fft import dctn, idctn

    across, down = split_steps(print_)
    across, down = (np.arctanh(np.clip(steps / 127.5, -0.995, 0.995)).mean(axis=0) for steps in (across, down))
    divergence = np.zeros((GRID, GRID))
    divergence[:, :-1] -= across
    divergence[:, 1:] += across
    divergence[:-1] -= down
    divergence[1:] += down
    waves = 2 - 2 * np.cos(np.pi * np.arange(GRID) / GRID)
    scale = waves[:, None] + waves
    scale[0, 0] = 1.0
    return np.asarray(idctn(dctn(divergence, norm="ortho") / scale, norm="ortho"), dtype=np.float32)


class CopyFinder:
    """Finds hidden copies of images, which it knows by their fingerprints."""

    def __init__(self, fingerprints: Sequence[bytes]) -> None:
        self._fingerprints = tuple(fingerprints)

    def contains(self, fingerprint: bytes) -> bool:
        """Return whether an image shows one of them, cropped to 60 % of its area or more, mirrored or turned."""
        if not self._fingerprints:
            return False
        plain = restore_brightness(fingerprint)
        found = [item for image in (plain, plain[:, ::-1]) for item in self._shortlist(image)]
        found.sort(key=lambda item: -item[0])
        return self._stands_out(found) or any(
            _align(image, self._images[row], _WINDOWS[window]) > THRESHOLD
            for _, row, window, image in found[:_SHORTLIST]
        )

    def _stands_out(self, found: Sequence[tuple[float, int, int, NDArray[np.float32]]]) -> bool:
        """Return whether the best of a sorted shortlist is far ahead of the best other image.

        The refinement may get stuck in a pattern that repeats, such as a heap of apples; such a lead needs none. (As
        in the ratio test of Lowe 2004, section 7.1.)
        """
        best, row = found[0][:2]
        others = [cosine for cosine, other, *_ in found if other != row]
        return len(self._fingerprints) >= _MANY and bool(others) and best - others[0] > _LEAD

    def _shortlist(self, image: NDArray[np.float32]) -> list[tuple[float, int, int, NDArray[np.float32]]]:
        """Return the images with the windows most like an image: cosine, row, window, and the image itself."""
        cosines = (self._coarse @ _to_unit(_WHOLE @ image.ravel())).reshape(-1, len(_WINDOWS))
        best = cosines.max(axis=1)
        rows = np.argpartition(-best, min(_SHORTLIST, len(best)) - 1)[:_SHORTLIST]
        return [(float(best[row]), int(row), int(cosines[row].argmax()), image) for row in rows]

    @cached_property
    def _images(self) -> NDArray[np.float32]:
        return np.stack([restore_brightness(print_) for print_ in self._fingerprints])

    @cached_property
    def _coarse(self) -> NDArray[np.float32]:
        """Every window of every image on the coarse grid, (images * windows, 36), length 1."""
        found = np.empty((len(self._images), len(_WINDOWS), _COARSE**2), np.float32)
        flat = self._images.reshape(len(self._images), -1)
        for start in range(0, len(flat), _ROWS_AT_ONCE):
            part = flat[start : start + _ROWS_AT_ONCE] @ _TO_WINDOWS.T
            found[start : start + len(part)] = _to_unit(part.reshape(len(part), len(_WINDOWS), -1))
        return found.reshape(-1, _COARSE**2)


def _align(
    image: NDArray[np.float32],
    held_out: NDArray[np.float32],
    window: tuple[float, float, float, float],
) -> float:
    """Return the cosine of an image to a window of a held-out one, after moving it to where it fits best."""
    left, top, width, height = window
    places = np.array([left + width / 2, top + height / 2, width, height, 0.0]) + _TURNS
    places = np.concatenate([places, _WHOLE_PLACE + _TURNS])
    target = _fine_steps(image, _WHOLE_PLACE[None])[0]
    best, move = -1.0, _FIRST_MOVE
    for step in range(_MOST_STEPS):
        if best > THRESHOLD or any(step == after and best < least for after, least in _HOPELESS):
            break
        cosines = _fine_steps(held_out, places) @ target
        if cosines.max() > best:
            best, place = float(cosines.max()), places[int(cosines.argmax())]
        elif move > _LAST_MOVE:
            move /= 2
        else:
            break
        places = _keep_inside(place + move * _MOVES)
    return best


def _keep_inside(places: NDArray[np.float64]) -> NDArray[np.float64]:
    places[:, 2:4] = places[:, 2:4].clip(*_SIDES)
    places[:, 4] = places[:, 4].clip(-_MOST_TURN, _MOST_TURN)
    return places


def _fine_steps(image: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the brightness steps in windows of an image, (P, steps), of length 1.

    A place is the window's centre, its width and height, as shares of the image, and its angle in radians, (P, 5).
    """
    import cv2

    grid = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    x, y, width, height, turn = (places[:, index, None, None] for index in range(5))
    across, down = grid[None, None, :] * width, grid[None, :, None] * height
    columns = (x + np.cos(turn) * across - np.sin(turn) * down) * GRID - 0.5
    rows = (y + np.sin(turn) * across + np.cos(turn) * down) * GRID - 0.5
    flat = (-1, _FINE)
    seen = cv2.remap(
        np.ascontiguousarray(image),
        columns.reshape(flat).astype(np.float32),
        rows.reshape(flat).astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(len(places), _FINE, _FINE)
    steps = np.concatenate(
        [np.diff(seen, axis=2).reshape(len(places), -1), np.diff(seen, axis=1).reshape(len(places), -1)], axis=1
    )
    usual = np.abs(steps).mean(axis=1, keepdims=True)
    squashed = np.tanh(steps / np.maximum(3 * usual, 1e-6))
    return np.asarray(squashed / np.maximum(np.linalg.norm(squashed, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _to_unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows with mean 0 and length 1 (0 for flat ones)."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-6), dtype=np.float32)


def _list_windows() -> tuple[tuple[float, float, float, float], ...]:
    """Return windows as left, top, width, height, in shares of the image."""
    return tuple(
        (float(left), float(top), width, height)
        for width in _SIZES
        for height in _SIZES
        if width * height >= _LEAST_AREA
        for left in np.linspace(0, 1 - width, round((1 - width) / _STEP) + 1)
        for top in np.linspace(0, 1 - height, round((1 - height) / _STEP) + 1)
    )


def _average_cells(start: float, size: float) -> NDArray[np.float32]:
    """Return the matrix (6, 17) that averages grid cells over six equal parts of `start` to `start + size`."""
    edges = np.linspace(start, start + size, _COARSE + 1)[:, None] * GRID
    cells = np.arange(GRID)
    overlap = np.minimum(edges[1:], cells + 1) - np.maximum(edges[:-1], cells)
    shares = np.maximum(overlap, 0)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


def _average_window(left: float, top: float, width: float, height: float) -> NDArray[np.float32]:
    """Return the matrix (36, 289) from an image to a window of it on the coarse grid."""
    return np.kron(_average_cells(top, height), _average_cells(left, width))


_WINDOWS = _list_windows()
_TO_WINDOWS = np.concatenate([_average_window(*window) for window in _WINDOWS])
_WHOLE = _average_window(0.0, 0.0, 1.0, 1.0)
_WHOLE_PLACE = np.array([0.5, 0.5, 1.0, 1.0, 0.0])
_TURNS = np.array([[0, 0, 0, 0, -0.08], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0.08]])
_MOVES = np.concatenate([np.eye(5), -np.eye(5)])
