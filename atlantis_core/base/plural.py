"""Pieces that our own sentences are made of, in the core and on the terminal."""

from __future__ import annotations


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """Return a number with what it counts: `1 image`, `1,200 images`.

    Args:
        count: How many.
        noun: Name of one.
        plural: Name of several, where it is not the noun with an `s`.
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
