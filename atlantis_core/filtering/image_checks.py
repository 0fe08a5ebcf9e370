"""Checks of a candidate that need no embedding: readable, not a leak, not blank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.image_io import decode
from atlantis_core.records import Candidate, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.filtering.leak_guard import LeakGuard

BLANK_THRESHOLD = 0.02
"""Brightness spread (5th to 95th percentile, 0 to 1) below which an image is plain: 5 of 255 levels."""
_STROKES_SHARE, _STROKES_CONTRAST = 0.004, 0.1
"""A plain image with more pixels than this share that differ this much in brightness from the others is a drawing.

Strokes cover less than 5 % of a sparse drawing. Of 1,753 pen sketches (sketchy125) 412 are plain, and none is blank.
"""


def judge_image_file(candidate: Candidate, guard: LeakGuard, source_path: str) -> Verdict | None:
    """Return a rejection of an image that cannot be read, is blank, or leaks (or its source does); else None."""
    try:
        luma = _read_luma(candidate.path)
        is_leak = guard.matches(candidate.path, source_path, is_edit="edits" in candidate.settings)
    except OSError as error:
        return Verdict(candidate.key, False, "unreadable", 1.0, f"the image, or its source, cannot be read: {error}")
    if is_leak:
        return Verdict(candidate.key, False, guard.name, 1.0, "it, or its source, matches a held-out image")
    if (spread := measure_brightness_spread(luma)) < BLANK_THRESHOLD and not has_strokes(luma):
        reason = f"blank: brightness spreads over {spread:.3f}, below {BLANK_THRESHOLD:g}"
        return Verdict(candidate.key, False, "blank", 1.0 - spread, reason)
    return None


def _read_luma(path: str) -> NDArray[np.float32]:
    """Read an image's brightness (H, W), 0 to 1; an `OSError` if it is missing, damaged or not an image."""
    return np.asarray(decode(path).convert("L"), dtype=np.float32) / np.float32(255)


def measure_brightness_spread(luma: NDArray[np.float32]) -> float:
    """Return the difference of the 95th and 5th percentile of an image's brightness (H, W)."""
    low, high = np.percentile(luma, [5, 95])
    return float(high - low)


def has_strokes(luma: NDArray[np.float32]) -> bool:
    """Return whether some pixels of an image differ clearly in brightness (H, W) from its ground, as lines do."""
    clear = np.abs(luma - np.median(luma)) > _STROKES_CONTRAST
    return bool(clear.mean() > _STROKES_SHARE)
