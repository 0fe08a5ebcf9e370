"""The order in which people list names with numbers in them."""

from __future__ import annotations

import re


def natural_key(text: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """Return a sort key that orders numbers within text by value: `2` before `10`, `item 9` before `item 10`."""
    parts = re.split("([0-9]+)", text)
    # Odd parts are digits; equal numbers (`1`, `01`) are ordered by their text.
    return tuple((int(part), "") if row % 2 else (-1, part) for row, part in enumerate(parts)), text
