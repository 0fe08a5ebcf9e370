"""A pool beside the small real world."""

from __future__ import annotations

from tests.fixtures.tiny_pool import pool
from tests.fixtures.tiny_runs import tiny_world

__all__ = ["pool", "tiny_world"]
