"""Layout of the report's charts: positions of points, whiskers and labels. `chart.html` draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

WIDTH, HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 22, 34
_MOST_TICKS = 5

Style = Literal["bar", "kept", "rolled-back"]
"""`bar` is a reference (frozen, baseline)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value to plot, in Recall@1."""

    label: str
    value: float
    style: Style
    low: float | None = None
    high: float | None = None
    """Ends of the whisker."""
    before: float | None = None
    """The earlier value, drawn as a line behind the point."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A laid-out point, in SVG user units; y grows downwards."""

    x: float
    y: float
    text: str
    label: str
    style: Style
    low: float | None
    high: float | None
    before: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of `WIDTH` x `HEIGHT` SVG user units."""

    width: int
    height: int
    left: float
    right: float
    ticks: tuple[tuple[float, str], ...]
    """y and label of each grid line."""
    marks: tuple[Mark, ...]
    level: float | None
    """y of the line to beat."""
    path: str
    """SVG points of the line through the incumbents; may be empty."""


def lay_out_plot(
    points: Sequence[Point], level: float | None = None, incumbents: Sequence[float] = ()
) -> Plot | None:
    """Lay points out from left to right, with lines at `level` and through the incumbents; None without points."""
    if not points:
        return None
    values = [value for p in points for value in (p.value, p.low, p.high, p.before, level) if value is not None]
    ticks = _ticks(min(values), max(values))
    bottom, top = ticks[0], ticks[-1]

    def height(value: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - (value - bottom) / (top - bottom)), 1)

    step = (WIDTH - _LEFT - _RIGHT) / len(points)
    places = [round(_LEFT + step * (index + 0.5), 1) for index in range(len(points))]
    marks = tuple(
        Mark(
            x=x,
            y=height(p.value),
            text=f"{p.value:.3f}".removeprefix("0"),
            label=p.label,
            style=p.style,
            low=None if p.low is None else height(p.low),
            high=None if p.high is None else height(p.high),
            before=None if p.before is None else height(p.before),
        )
        for x, p in zip(places, points, strict=True)
    )
    return Plot(
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        ticks=tuple((height(tick), f"{tick:.2f}".removeprefix("0") or "0") for tick in ticks),
        marks=marks,
        level=None if level is None else height(level),
        path=" ".join(f"{x},{height(value)}" for x, value in zip(places, incumbents, strict=False)),
    )


def _ticks(least: float, most: float) -> list[float]:
    """Return at least two round values that enclose a range."""
    rough = max(most - least, 0.02) / (_MOST_TICKS - 1)
    size = 10 ** math.floor(math.log10(rough))
    step = max(0.01, next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough))
    first = math.floor(least / step + 1e-9)
    last = max(first + 1, math.ceil(most / step - 1e-9))
    return [round(index * step, 6) for index in range(first, last + 1)]
