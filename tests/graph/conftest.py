"""Runs over a small real world."""

from __future__ import annotations

from tests.fixtures.tiny_pool import pool
from tests.fixtures.tiny_runs import activations, begin, call, chat, journal, tiny_world

__all__ = ["activations", "begin", "call", "chat", "journal", "pool", "tiny_world"]
