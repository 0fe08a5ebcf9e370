"""Chooses a few of many so that every group is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from itertools import zip_longest
from typing import TypeVar

Item = TypeVar("Item")


def spread_evenly(items: Iterable[Item], group: Callable[[Item], Hashable], most: int) -> list[Item]:
    """Return at most `most` items, taken in turn from each group; groups and their items keep their order."""
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        groups[group(item)].append(item)
    taken = [item for layer in zip_longest(*groups.values()) for item in layer if item is not None]
    return taken[:most]
