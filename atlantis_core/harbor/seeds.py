"""Where the seeds of scenes start, by use: ranges that never meet, so that nothing is taught on what judges it."""

from __future__ import annotations

WORLDS_BELOW = 1 << 48
"""Scenes of worlds, the demo's among them (`writing.pictures_of`)."""

PAINTER = 1 << 50
EXAMINER = 2 << 50
CAPTIONER = 3 << 50
EXAMS = 4 << 50
"""Pictures that nothing was trained on, to judge with."""
