"""Colours of plots: distinct colours for groups, colour scales for values."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

NO_GROUP = "#b4bac1"
"""Images without a value."""
NOTHING = "#f1f2f4"
"""Cells without a value."""

# Okabe and Ito, "Color Universal Design" (2008), without black and with a darker yellow: distinct to most people.
_FIRST = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#b8a800")
_GOLDEN = 0.6180339887  # of the hue circle: consecutive hues stay far apart
# viridis (van der Walt and Smith, 2015) at five points, dark to bright.
_BRIGHTENING = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))

_DARKENING = ((246, 248, 250), (158, 202, 225), (49, 130, 189), (8, 48, 107))


def pick_group_colours(count: int) -> list[str]:
    """Return `count` distinct colours for groups; small counts share their first colours."""
    if count <= len(_FIRST):
        return list(_FIRST[:count])
    hues = [(index * _GOLDEN % 1, (0.42, 0.58, 0.34)[index % 3]) for index in range(count)]
    return [_hex([255 * part for part in colorsys.hls_to_rgb(hue, lightness, 0.62)]) for hue, lightness in hues]


def colour_of_value(share: float) -> str:
    """Return the colour of a value from 0 (dark) to 1 (bright)."""
    return _between(_BRIGHTENING, share)


def colour_of_share(share: float) -> str:
    """Return the colour of a share: 0, the most frequent value, is nearly white, 1 is dark."""
    return _between(_DARKENING, share)


def _between(colours: Sequence[tuple[int, int, int]], share: float) -> str:
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    index = min(int(place), len(colours) - 2)
    part = place - index
    return _hex([low + part * (high - low) for low, high in zip(colours[index], colours[index + 1], strict=True)])


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)
