"""The heat map of classes as a drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from atlantis_core.base.text import clean_text
from atlantis_dml.plots.canvas import Box, Canvas, Shape, TextLine, estimate_width
from atlantis_dml.plots.palette import NOTHING, colour_of_share, colour_of_value

if TYPE_CHECKING:
    from atlantis_core.views.heat_map import HeatMap

_MARGIN, _TOP = 24, 64
_LEAST_WIDTH = 560
_SPACE = 760  # units for all cells
_LEAST_NAMED = 7  # names do not fit beside smaller cells
_LONGEST_NAME = 28
_SCALE_STEPS = 48


def draw_heat_map(found: HeatMap, title: str) -> Canvas:
    """Lay the heat map out: rows and columns are classes in one order."""
    side = min(26.0, max(4.0, _SPACE / len(found.names)))
    size = min(12.0, side * 0.86)
    names = [clean_text(name, _LONGEST_NAME) for name in found.names] if side >= _LEAST_NAMED else []
    room = max((estimate_width(name, size) for name in names), default=0) + 10
    left, top = _MARGIN + room, _TOP + room + 14
    # The colour scale ends at 0 and 1 for shares, else at the smallest and largest value.
    values = [value for row in found.matrix for value in row if value is not None]
    low, high = (0.0, 1.0) if found.shown == "confusion" or not values else (min(values), max(values))
    labels: list[Shape] = []
    for index, name in enumerate(names):
        middle = (index + 0.5) * side + size * 0.35
        labels.append(TextLine(left - 6, top + middle, name, size, "end"))
        labels.append(TextLine(left + middle, top - 6, name, size, turned=True))
    cells = _cells(found, left, top, side, low, high)
    extent = side * len(found.names)
    more = f"; {found.not_drawn} more classes are not shown" if found.not_drawn else ""
    heading = [
        TextLine(_MARGIN, 28, title, 16, bold=True),
        TextLine(_MARGIN, 48, found.measured_in + more, 12, faint=True),
    ]
    scale = _scale(left, top + extent + 18, low, high, _colour(found))
    width = max(_LEAST_WIDTH, left + extent + _MARGIN, estimate_width(title, 16) + 2 * _MARGIN)
    return Canvas(width, top + extent + 66, title, (*heading, *cells, *labels, *scale))


def _cells(found: HeatMap, left: float, top: float, side: float, low: float, high: float) -> list[Shape]:
    spread, colour = (high - low) or 1.0, _colour(found)
    arrow = "\u2192" if found.shown == "confusion" else "\u2013"
    cells: list[Shape] = []
    for row, name in enumerate(found.names):
        for column, other in enumerate(found.names):
            value = found.matrix[row][column]
            fill = NOTHING if value is None else colour((value - low) / spread)
            text = "no data" if value is None else f"{value:.3f}"
            note = f"{name} {arrow} {other}: {text}"
            cells.append(Box(left + column * side, top + row * side, side, side, fill, note))
    return cells


def _colour(found: HeatMap) -> Callable[[float], str]:
    return colour_of_share if found.shown == "confusion" else colour_of_value


def _scale(left: float, top: float, low: float, high: float, colour: Callable[[float], str]) -> list[Shape]:
    step = 4.0
    bar: list[Shape] = [
        Box(left + index * step, top, step, 10, colour(index / (_SCALE_STEPS - 1))) for index in range(_SCALE_STEPS)
    ]
    end = left + _SCALE_STEPS * step
    return [*bar, TextLine(left, top + 26, f"{low:.2f}", 11), TextLine(end, top + 26, f"{high:.2f}", 11, "end")]
