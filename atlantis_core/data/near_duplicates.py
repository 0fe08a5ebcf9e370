"""Near-duplicates: fingerprints of images, and when two images count as the same shot.

Near-duplicates are copies that were resized, recompressed, slightly cropped or brightened. A fingerprint contains
the brightness differences of an image on a 17 x 17 grid, per colour channel: the difference hash (dHash, Krawetz
2013, "Kind of Like That") without its rounding to one bit. Two fingerprints are compared by their cosine.

Measured on 3,232 shop photos (grocery81) and 4,000 rendered images (harbor) at `THRESHOLD`, with copies resized to
half and double, JPEG quality 50, 20 % darker, 25 % brighter, 20 % more contrast, 2 % cropped off each side, or
cropped + resized + brightened + JPEG: at least 99 % of every kind are found. No shop photo matches one of another
visit; 0.3 % of the harbor images match one of another split. Crops of 4 % a side are mostly missed. 64-bit dHash and
pHash have no such threshold: their 2 % crops are farther away than some different photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.image_io import open_undecoded, read_bytes
from atlantis_core.data.pixels import to_upright_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

THRESHOLD = 0.27
"""Images at a smaller distance are near-duplicates."""
MIRROR_THRESHOLD = 0.15
"""The same against a mirrored image; stricter, because symmetrical scenes resemble their mirror images."""

GRID = 17
"""Rows and columns of the grid."""
LENGTH = 3 * 2 * GRID * (GRID - 1)
"""Bytes of a fingerprint."""
_DECODED_SIDE_PX = 128
_ROWS_AT_ONCE = 1024
_PRINTS_AT_ONCE = 256


def fingerprint_file(path: str | Path) -> bytes:
    """Return the fingerprint of an image file, `LENGTH` bytes; an `OSError` if it is missing or not an image."""
    with open_undecoded(read_bytes(path)) as image:
        return fingerprint_image(image)


def fingerprint_image(image: Image) -> bytes:
    """Return the fingerprint of an opened image, as models see it; large JPEGs are decoded at a reduced size.

    Returns:
        `LENGTH` bytes: int8 of shape (direction, channel, rows, columns), see `_brightness_steps`.
    """
    from PIL.Image import Resampling

    image.draft("RGB", (_DECODED_SIDE_PX, _DECODED_SIDE_PX))
    small = to_upright_rgb(image).resize((GRID, GRID), Resampling.LANCZOS, reducing_gap=3.0)
    return _brightness_steps(np.asarray(small, dtype=np.float32)).tobytes()


def mirror_fingerprint(print_: bytes) -> bytes:
    """Return the fingerprint of the left-right mirrored image."""
    across, down = split_steps(print_)
    return np.concatenate([-across[..., ::-1].ravel(), down[..., ::-1].ravel()]).tobytes()


def split_steps(print_: bytes) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return a fingerprint's steps to the right, (3, 17, 16), and downwards, (3, 16, 17)."""
    across, down = np.split(np.frombuffer(print_, dtype=np.int8), 2)
    return across.reshape(3, GRID, GRID - 1), down.reshape(3, GRID - 1, GRID)


def distances(print_: bytes, others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distances of one fingerprint to (N, `LENGTH`) `unit_vectors`, (N,) in [0, 2]: one minus the cosine.

    Lower is more alike. An image of one flat colour is at distance 1 from everything, itself included.
    """
    near: NDArray[np.float32] = 1.0 - others @ unit_vectors([print_])[0]
    return near


def is_near_duplicate(print_: bytes, others: NDArray[np.float32]) -> bool:
    """Whether an image is a near-duplicate of one of `others`, (N, `LENGTH`) unit vectors, or of its mirror image."""
    return are_near_duplicates([print_], others)[0]


def are_near_duplicates(prints: Sequence[bytes], others: NDArray[np.float32]) -> list[bool]:
    """Return for each image whether it `is_near_duplicate` of one of `others`; faster than one by one."""
    found: list[bool] = []
    for start in range(0, len(prints), _PRINTS_AT_ONCE):
        part = prints[start : start + _PRINTS_AT_ONCE]
        plain = 1.0 - others @ unit_vectors(part).T < THRESHOLD
        mirrored = 1.0 - others @ unit_vectors([mirror_fingerprint(one) for one in part]).T < MIRROR_THRESHOLD
        found += np.any(plain | mirrored, axis=0, keepdims=True)[0].tolist()
    return found


def unit_vectors(prints: Sequence[bytes]) -> NDArray[np.float32]:
    """Return fingerprints as (N, `LENGTH`) vectors of length 1 (0 for flat images)."""
    stacked = np.frombuffer(b"".join(prints), dtype=np.int8).reshape(len(prints), LENGTH).astype(np.float32)
    lengths = np.linalg.norm(stacked, axis=1, keepdims=True)
    unit: NDArray[np.float32] = stacked / np.maximum(lengths, 1.0)
    return unit


def find_near_duplicates(prints: Sequence[bytes], threshold: float = THRESHOLD) -> list[tuple[int, int]]:
    """Return the sorted index pairs (i, j), i < j, of all fingerprints at a distance below `threshold`."""
    if not prints:
        return []
    vectors = unit_vectors(prints)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        cosines = vectors[start : start + _ROWS_AT_ONCE] @ vectors[start:].T
        rows, columns = np.nonzero(cosines > 1.0 - threshold)
        later = columns > rows
        pairs.extend(zip((rows[later] + start).tolist(), (columns[later] + start).tolist(), strict=True))
    return pairs


def _brightness_steps(grid: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the brightness differences of a (17, 17, 3) grid to the right and downwards, squashed to int8.

    `tanh(step / (median |step| + 1))`: strong edges count about the same at any contrast, and steps below one grey
    level, which are noise, count little.
    """
    channels = grid.transpose(2, 0, 1)
    across = np.diff(channels, axis=2).ravel()
    down = np.diff(channels, axis=1).ravel()
    steps = np.concatenate([across, down])
    squashed: NDArray[np.int8] = np.rint(127 * np.tanh(steps / (np.median(np.abs(steps)) + 1.0))).astype(np.int8)
    return squashed
