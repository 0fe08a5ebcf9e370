"""Counts in sentences."""

from __future__ import annotations


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: `1 image`, `1,200 images`; `plural` if it is not the noun plus `s`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
