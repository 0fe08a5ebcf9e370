"""Hidden copies: whether an image is a crop, mirror image or slight rotation of one of many, by fingerprints alone.

A fingerprint (`near_duplicates`) contains the brightness steps of an image on a 17 x 17 grid. They determine its
brightness up to scale and offset (`restore_brightness`), so every crop of a held-out image can be compared without
its file, also in workspaces that were written before this check. Two stages: the windows of all held-out images are
ranked by the cosine of their brightness on a 6 x 6 grid; for the best ones position, size and angle of the window are
refined (`copy_alignment`).

Measured by `bench/planted_leaks.py` (docs/results.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.copy_alignment import align_windows
from atlantis_core.data.copy_confirmation import is_sparse, shows_same_pixels
from atlantis_core.data.near_duplicates import GRID, split_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 0.66
"""Aligned images with a higher cosine of their brightness steps show the same shot."""

_COARSE = 6
_SIZES, _STEP, _LEAST_AREA = (0.6, 0.7, 0.8, 0.9, 1.0), 0.1, 0.55
"""Sides of windows, distance of their corners, and the least area, as shares of the image."""

_SHORTLIST = 8
"""Windows, each of another image, that are refined."""

_LEAD, _MANY = 0.15, 200
"""A lead in coarse cosine that decides alone, where so many images are known: 603 photos that are no copies of 1,425
held-out ones had leads of at most 0.078."""

_ROWS_AT_ONCE = 2048
_IMAGES_AT_ONCE, _KNOWN_AT_ONCE = 32, 64


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


@dataclass(frozen=True, slots=True)
class CopyMatch:
    """A known image that an image looks like a copy of, and where in it the image lies."""

    row: int
    is_mirrored: bool
    place: NDArray[np.float64]
    """(5,): the centre's x and y, width and height, as shares of the known image, and the angle in radians."""


class CopyFinder:
    """Finds hidden copies of images, which it knows by their fingerprints, and by their paths if they have any."""

    def __init__(self, fingerprints: Sequence[bytes], paths: Sequence[str] = ()) -> None:
        self._fingerprints = tuple(fingerprints)
        self._paths = tuple(paths) or ("",) * len(fingerprints)

    def contains(self, fingerprint: bytes) -> bool:
        """Return whether an image shows one of them, cropped to 60 % of its area or more, mirrored or turned."""
        return self.contains_each([fingerprint])[0]

    def contains_each(self, fingerprints: Sequence[bytes]) -> list[bool]:
        """Return for each of several images whether they contain it: several times as fast as one by one."""
        if not self._fingerprints:
            return [False] * len(fingerprints)
        found = []
        for start in range(0, len(fingerprints), _IMAGES_AT_ONCE):
            nearest = self._list_nearest(fingerprints[start : start + _IMAGES_AT_ONCE])
            cosines = self._align(nearest, THRESHOLD)[0].max(axis=1)
            found += [
                self._stands_out(windows) or bool(best > THRESHOLD)
                for windows, best in zip(nearest, cosines, strict=True)
            ]
        return found

    def find(self, fingerprint: bytes) -> list[CopyMatch]:
        """Return which of them an image shows: at least one if they contain it."""
        if not self._fingerprints:
            return []
        [nearest] = self._list_nearest([fingerprint])
        [cosines], [places] = self._align([nearest], 1.0)
        hits = set(np.flatnonzero(cosines > THRESHOLD).tolist()) | ({0} if self._stands_out(nearest) else set())
        return [CopyMatch(nearest[one].row, nearest[one].is_mirrored, places[one]) for one in sorted(hits)]

    def confirms(self, fingerprint: bytes, path: str) -> bool:
        """Return whether an image that they contain is none of a different picture; see `copy_confirmation`.

        Matches with sparse images (drawings) are confirmed by the pixels of both, others count as they are, and so do
        those with an image whose file is gone.

        Raises:
            OSError: The image cannot be read.
        """
        return any(self._confirms(match, path) for match in self.find(fingerprint))

    def _confirms(self, match: CopyMatch, path: str) -> bool:
        known = self._paths[match.row]
        if not is_sparse(self._fingerprints[match.row]) or not Path(known).is_file():
            return True
        return shows_same_pixels(path, known, match.place, is_mirrored=match.is_mirrored)

    def _stands_out(self, found: Sequence[_Window]) -> bool:
        """Return whether the best of a sorted shortlist is far ahead of the best other image.

        The refinement may get stuck in a pattern that repeats, such as a heap of apples; such a lead needs none. (As
        in the ratio test of Lowe 2004, section 7.1.)
        """
        others = [item.cosine for item in found if item.row != found[0].row]
        return len(self._fingerprints) >= _MANY and bool(others) and found[0].cosine - others[0] > _LEAD

    def _list_nearest(self, fingerprints: Sequence[bytes]) -> list[list[_Window]]:
        """Return for each image the windows most like it or its mirror image, the nearest first."""
        plain = np.stack([restore_brightness(print_) for print_ in fingerprints])
        images = np.stack([plain, plain[:, :, ::-1]], axis=1)
        seen = _to_unit(images.reshape(-1, GRID * GRID) @ _WHOLE.T)
        best = np.concatenate(
            [(part @ seen.T).max(axis=1) for part in np.array_split(self._coarse, self._num_parts)], axis=0
        )
        size = min(_SHORTLIST, len(best))
        rows = np.argpartition(-best, size - 1, axis=0)[:size].T.reshape(len(plain), -1)
        found = []
        for number, near in enumerate(rows):
            items = [
                self._find_window(int(row), images[number, turn], seen[2 * number + turn], bool(turn))
                for turn, row in zip(np.repeat([0, 1], size).tolist(), near, strict=True)
            ]
            found.append(sorted(items, key=lambda item: -item.cosine))
        return found

    @property
    def _num_parts(self) -> int:
        """Into how many parts the known images are split so that a table of cosines stays below 100 MB."""
        return -(-len(self._coarse) // _KNOWN_AT_ONCE)

    def _find_window(
        self, row: int, image: NDArray[np.float32], seen: NDArray[np.float32], is_mirrored: bool
    ) -> _Window:
        cosines = self._coarse[row] @ seen
        window = int(cosines.argmax())
        return _Window(float(cosines[window]), row, window, is_mirrored, image)

    def _align(
        self, nearest: Sequence[Sequence[_Window]], enough: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Move the best windows of images to where they fit best; an image is done when a cosine is above `enough`.

        Returns:
            The cosines, (images, windows), and the places, (images, windows, 5).
        """
        each = min(_SHORTLIST, len(nearest[0]))
        found = [item for windows in nearest for item in windows[:each]]
        images = np.stack([item.image for item in found])
        windows = np.array([_WINDOWS[item.window] for item in found])
        of_image = np.repeat(np.arange(len(nearest)), each)
        cosines, places = align_windows(images, self._images[[item.row for item in found]], windows, of_image, enough)
        return cosines.reshape(-1, each), places.reshape(-1, each, 5)

    @cached_property
    def _images(self) -> NDArray[np.float32]:
        return np.stack([restore_brightness(print_) for print_ in self._fingerprints])

    @cached_property
    def _coarse(self) -> NDArray[np.float32]:
        """Every window of every image on the coarse grid, (images, windows, 36), length 1."""
        found = np.empty((len(self._images), len(_WINDOWS), _COARSE**2), np.float32)
        flat = self._images.reshape(len(self._images), -1)
        for start in range(0, len(flat), _ROWS_AT_ONCE):
            part = flat[start : start + _ROWS_AT_ONCE] @ _TO_WINDOWS.T
            found[start : start + len(part)] = _to_unit(part.reshape(len(part), len(_WINDOWS), -1))
        return found


@dataclass(frozen=True, slots=True)
class _Window:
    """A window of a known image, and the image that looks like it."""

    cosine: float
    row: int
    window: int
    is_mirrored: bool
    image: NDArray[np.float32]


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
