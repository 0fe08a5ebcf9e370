"""How many copies of an object stand where: one that is shown, some on a shelf, or a heap.

Photos of things for sale show one thing held up, or many of the same; which of them a new class will be photographed
as is not known, so the layouts are mixed. A box stands upright on a shelf; other things lie at any angle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one copy goes; positions are shares of the image, its upper left corner being 0, 0."""

    x: float
    y: float
    """Of its middle."""
    height: float
    """Share of the image's short side."""
    degrees: float
    tilt: NDArray[np.float64]
    """See `cutting.warp`."""
    gain: float
    """Its brightness beside that of the other copies."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The copies of one image, from the back to the front."""

    name: str
    copies: tuple[Placement, ...]


_ODDS = {True: {"single": 0.75, "shelf": 0.25}, False: {"single": 0.4, "group": 0.15, "heap": 0.45}}
"""By whether the object is a box. Not fitted to any collection."""


def draw_layout(is_box: bool, aspect: float, filled: float, random: np.random.Generator) -> Layout:
    """Draw a layout for an object that is `aspect` times as wide as high and fills a share of that rectangle."""
    odds = _ODDS[is_box]
    name = str(random.choice(list(odds), p=list(odds.values())))
    if name == "single":
        copies = [_single(is_box, aspect, random)]
    elif name == "heap":
        copies = _heap(aspect, filled, random)
    else:
        copies = {"shelf": _shelf, "group": _group}[name](aspect, random)
    return Layout(name, tuple(sorted(copies, key=lambda copy: copy.y)))


def _single(is_box: bool, aspect: float, random: np.random.Generator) -> Placement:
    long_side = random.uniform(0.6, 1.05)
    height = long_side / max(1.0, aspect)
    x, y = random.normal(0.5, 0.07, 2)
    return _place(x, y, height, random.normal(0, 14 if is_box else 30), random)


def _group(aspect: float, random: np.random.Generator) -> list[Placement]:
    """Two to five near the middle, which touch."""
    size = random.uniform(0.35, 0.55)
    places = random.normal(0.5, 0.2, (int(random.integers(2, 6)), 2))
    height = size / max(1.0, aspect)
    return [_place(x, y, height * random.uniform(0.9, 1.1), random.uniform(-180, 180), random) for x, y in places]


def _shelf(aspect: float, random: np.random.Generator) -> list[Placement]:
    """Side by side in one row or two."""
    height = random.uniform(0.55, 0.85)
    step = height * aspect * random.uniform(1.0, 1.12)
    first, turned = random.uniform(-0.3, 0.3), random.normal(0, 4)
    rows = [random.uniform(0.4, 0.6)] + ([-0.1] if random.random() < 0.5 else [])
    return [
        _place(0.5 + (column + first) * step, y, height, turned + random.normal(0, 1.5), random)
        for y in rows
        for column in range(-3, 4)
        if abs((column + first) * step) < 0.5 + step
    ]


def _heap(aspect: float, filled: float, random: np.random.Generator) -> list[Placement]:
    """Many, over the whole image or up to a slanted upper edge; the farther (higher up) the smaller."""
    size = random.uniform(0.2, 0.42)
    step = 0.75 * size
    height = size / np.sqrt(aspect * filled) * 0.85  # the area of an object is what covers the ground
    top, slope = random.uniform(-0.3, 0.35), random.normal(0, 0.15)
    copies = []
    for y in np.arange(-0.5 * step, 1 + step, step * 0.8):
        for x in np.arange(-0.5 * step, 1 + step, step):
            x_at, y_at = x + random.normal(0, 0.22 * step), y + random.normal(0, 0.18 * step)
            if y_at > top + slope * (x_at - 0.5):
                farther = (0.85 + 0.3 * y_at) * random.uniform(0.88, 1.14)
                copies.append(_place(x_at, y_at, height * farther, random.uniform(-180, 180), random))
    return copies


def _place(x: float, y: float, height: float, degrees: float, random: np.random.Generator) -> Placement:
    tilt = random.uniform(-0.06, 0.06, (4, 2))
    gain = float(np.exp(random.normal(0, 0.08)))
    return Placement(float(x), float(y), float(height), float(degrees), tilt, gain)
