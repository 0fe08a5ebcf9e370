"""Seed ranges of scenes by purpose; they do not overlap, so no model is tested on its training images."""

from __future__ import annotations

WORLDS_BELOW = 1 << 48
"""Scenes of all worlds, including the demo's (`world_files.list_world_images`)."""

PAINTER = 1 << 50
EXAMINER = 2 << 50
CAPTIONER = 3 << 50
EXAMS = 4 << 50
"""Test images, which no model was trained on."""
