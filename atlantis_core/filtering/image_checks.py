"""Checks of a candidate that need no embedding: readable, not a leak, not blank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.data.image_io import decode
from atlantis_core.records import Candidate, Verdict

if TYPE_CHECKING:
    from atlantis_core.filtering.leak_guard import LeakGuard

BLANK_THRESHOLD = 0.02
"""Brightness spread (5th to 95th percentile, 0 to 1) below which an image is blank: 5 of 255 levels."""


def judge_image_file(candidate: Candidate, guard: LeakGuard, source_path: str) -> Verdict | None:
    """Return a rejection of an image that cannot be read, is blank, or leaks (or its source does); else None."""
    try:
        spread = measure_brightness_spread(candidate.path)
        is_leak = guard.matches(candidate.path, source_path)
    except OSError as error:
        return Verdict(candidate.key, False, "unreadable", 1.0, f"the image, or its source, cannot be read: {error}")
    if is_leak:
        return Verdict(candidate.key, False, guard.name, 1.0, "it, or its source, matches a held-out image")
    if spread < BLANK_THRESHOLD:
        reason = f"blank: brightness spreads over {spread:.3f}, below {BLANK_THRESHOLD:g}"
        return Verdict(candidate.key, False, "blank", 1.0 - spread, reason)
    return None


def measure_brightness_spread(path: str) -> float:
    """Return the difference of the 95th and 5th percentile of an image's brightness, 0 to 1.

    Raises:
        OSError: The file is missing, damaged or not an image.
    """
    luma = np.asarray(decode(path).convert("L"), dtype=np.float32) / 255
    low, high = np.percentile(luma, [5, 95])
    return float(high - low)
