"""Whether two files show the same picture where their fingerprints say so: their pixels are laid over each other.

The fingerprint of a drawing has little in it but a few strokes, and those of two different apples may lie alike. So
a match with such a sparse image is confirmed at 64 x 64 px: the place that the fingerprints suggest is refined to
the affine map of highest correlation (ECC, Evangelidis and Psarakis 2008), and the images are correlated there.

Constants were chosen on 60 drawings of training photos that matched a pen sketch (sketchy125), 81 matches with
correlations of .80 (95 %) and .91 (highest), and on copies of 40 sketches that were cropped, mirrored or brightened:
.94 and more for 19 of 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.image_io import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPARSE_SHARE, _STEP = 0.15, 6
"""An image is sparse if more than this share of its fingerprint's steps, -127 to 127, are smaller than that: 95 % of
the photos of sketchy125 are below, 99 % of its sketches above."""
_CORRELATION = 0.88
_SIDE_PX, _BLUR_PX = 64, 0.8
_COARSE_TO_FINE = (9, 5, 3)
"""Windows in px of the blur that ECC sees, so that strokes that do not overlap yet attract each other."""
_SCALES = (0.45, 1.2)


def is_sparse(print_: bytes) -> bool:
    """Return whether an image is mostly plain, such as strokes on paper, by its fingerprint (`near_duplicates`)."""
    steps = np.abs(np.frombuffer(print_, dtype=np.int8).astype(np.int16))
    return bool((steps < _STEP).mean() > _SPARSE_SHARE)


def shows_same_pixels(path: str, known_path: str, place: NDArray[np.float64], *, is_mirrored: bool) -> bool:
    """Return whether an image, or its mirror image, shows what a known one shows near `place` (`CopyMatch.place`).

    Raises:
        OSError: A file cannot be read.
    """
    image, known = _read_small(path), _read_small(known_path)
    if is_mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
    return _correlate(image, known, _to_matrix(place)) > _CORRELATION


def _read_small(path: str) -> NDArray[np.float32]:
    import cv2
    from PIL.Image import Resampling

    grey = decode(path).convert("L").resize((_SIDE_PX, _SIDE_PX), Resampling.BOX)
    return np.asarray(cv2.GaussianBlur(np.asarray(grey, dtype=np.float32) / 255, (0, 0), _BLUR_PX), dtype=np.float32)


def _to_matrix(place: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the affine map (2, 3), in pixels, from an image to a place of a known one."""
    x, y, width, height, turn = place.tolist()
    cosine, sine = np.cos(turn), np.sin(turn)
    linear = np.array([[cosine * width, -sine * height], [sine * width, cosine * height]])
    offset = np.array([x, y]) * _SIDE_PX - linear @ [_SIDE_PX / 2, _SIDE_PX / 2]
    return np.column_stack([linear, offset]).astype(np.float32)


def _correlate(image: NDArray[np.float32], known: NDArray[np.float32], matrix: NDArray[np.float32]) -> float:
    """Return the correlation of an image with what it lies on after refining `matrix`; -1 if nothing fits."""
    import cv2

    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 30, 1e-3)
    for window in _COARSE_TO_FINE:
        try:
            found = cv2.findTransformECC(image, known, matrix, cv2.MOTION_AFFINE, stop, np.empty(0), window)
        except cv2.error:  # it does not converge, or an image is flat
            return -1.0
        matrix = np.asarray(found[1], dtype=np.float32)
    scales = np.linalg.norm(matrix[:, :2], axis=0)
    if not _SCALES[0] < scales.min() <= scales.max() < _SCALES[1]:
        return -1.0
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(known, matrix, (_SIDE_PX, _SIDE_PX), flags=how, borderMode=cv2.BORDER_REPLICATE)
    if moved.std() < 1e-4 or image.std() < 1e-4:
        return -1.0
    return float(np.corrcoef(image.ravel(), moved.ravel())[0, 1])
