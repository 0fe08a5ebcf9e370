"""The drawings of the vessels: coloured polygons around a waterline.

The unit is the vessel's length, x points to the bow, y up from the waterline; parts are ordered back to front.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Part:
    """One polygon of a drawing.

    Attributes:
        paint: `hull`, `trim`, or the name of a material such as `glass`.
        points: Corners in vessel lengths.
        tone: Factor on brightness, below 1 in shade.
    """

    paint: str
    points: tuple[Point, ...]
    tone: float = 1.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """One vessel type.

    Attributes:
        length: Length relative to the longest vessel type.
        parts: Polygons, back to front.
        roofs: Surfaces that snow covers, as (x from, x to, y).
    """

    length: float
    parts: tuple[Part, ...]
    roofs: tuple[tuple[float, float, float], ...]


def _box(paint: str, left: float, bottom: float, right: float, top: float, *, tone: float = 1.0) -> Part:
    return Part(paint, ((left, bottom), (right, bottom), (right, top), (left, top)), tone)


def _spar(start: Point, end: Point, width: float = 0.022, paint: str = "wood") -> Part:
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = -(y1 - y0) / length * width / 2, (x1 - x0) / length * width / 2
    return Part(paint, ((x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)))


def _windows(left: float, right: float, bottom: float, top: float, count: int) -> tuple[Part, ...]:
    pitch = (right - left) / count
    return tuple(
        _box("glass", left + pitch * (i + 0.18), bottom, left + pitch * (i + 0.82), top) for i in range(count)
    )


def _hull(*sheer: Point, stern: float, stem: float) -> tuple[Part, ...]:
    """Build a hull from its upper edge, stern first, with a shaded side and a waterline band."""
    (x0, y0), (x1, y1) = sheer[0], sheer[-1]
    foot = ((stem, 0.0), (stern, 0.0))
    low = (
        (x0 + (stern - x0) * 0.55, y0 * 0.45),
        (x1 + (stem - x1) * 0.62, y1 * 0.38),
        *foot,
    )
    return (
        Part("hull", (*sheer, *foot)),
        Part("hull", low, 0.80),
        Part("bottom", ((stern - 0.01, 0.025), (stem + 0.012, 0.025), *foot)),
    )


_TUG = Drawing(
    0.70,
    (
        _spar((0.07, 0.5), (0.07, 0.86), 0.025, "steel"),
        _box("trim", -0.27, 0.3, -0.13, 0.62),
        _box("soot", -0.28, 0.55, -0.12, 0.62),
        _box("trim", -0.22, 0.16, 0.27, 0.38),
        _box("trim", -0.22, 0.16, -0.06, 0.38, tone=0.86),
        _box("trim", -0.03, 0.38, 0.23, 0.62),
        *_windows(-0.02, 0.22, 0.47, 0.56, 3),
        *_windows(-0.04, 0.24, 0.25, 0.32, 3),
        _box("paint", -0.06, 0.62, 0.26, 0.655),
        *_hull((-0.5, 0.2), (-0.2, 0.18), (0.1, 0.2), (0.3, 0.26), (0.5, 0.38), stern=-0.46, stem=0.42),
        _spar((-0.5, 0.185), (0.1, 0.185), 0.03, "rubber"),
        _spar((0.1, 0.185), (0.49, 0.35), 0.03, "rubber"),
        *(_box("rubber", x, 0.06, x + 0.055, 0.15) for x in (-0.36, -0.22, -0.08, 0.06, 0.2)),
    ),
    ((-0.06, 0.26, 0.665), (-0.13, -0.03, 0.39), (0.28, 0.46, 0.32)),
)

_SLOOP = Drawing(
    0.62,
    (
        Part("canvas", ((0.1, 1.12), (0.1, 0.22), (0.48, 0.19))),
        Part("canvas", ((0.1, 1.12), (0.1, 0.22), (0.24, 0.21)), 0.9),
        _spar((0.06, 0.12), (0.06, 1.3), 0.024),
        Part("trim", ((0.04, 0.25), (0.04, 1.26), (-0.18, 0.72), (-0.46, 0.27))),
        Part("trim", ((0.04, 0.25), (0.04, 1.26), (-0.08, 0.7), (-0.14, 0.26)), 0.9),
        _spar((0.06, 0.235), (-0.47, 0.25), 0.024),
        _box("paint", -0.24, 0.15, 0.14, 0.215),
        *_windows(-0.2, 0.12, 0.165, 0.2, 3),
        *_hull((-0.5, 0.16), (0.0, 0.14), (0.5, 0.19), stern=-0.43, stem=0.36),
    ),
    ((-0.24, 0.14, 0.225), (-0.45, -0.05, 0.265)),
)

_SCHOONER = Drawing(
    0.88,
    (
        Part("canvas", ((0.2, 0.78), (0.2, 0.19), (0.6, 0.21))),
        Part("canvas", ((0.2, 0.78), (0.24, 0.19), (0.4, 0.2)), 0.9),
        _spar((0.4, 0.13), (0.64, 0.22), 0.02),
        _spar((0.17, 0.1), (0.17, 0.9), 0.02),
        _spar((-0.14, 0.1), (-0.14, 0.95), 0.02),
        Part("trim", ((0.155, 0.2), (0.155, 0.68), (-0.05, 0.82), (-0.1, 0.2))),
        Part("trim", ((0.155, 0.2), (0.155, 0.68), (0.09, 0.72), (0.06, 0.2)), 0.9),
        Part("trim", ((-0.155, 0.2), (-0.155, 0.71), (-0.4, 0.87), (-0.5, 0.21))),
        Part("trim", ((-0.155, 0.2), (-0.155, 0.71), (-0.24, 0.77), (-0.26, 0.2)), 0.9),
        _spar((-0.15, 0.72), (-0.41, 0.89), 0.018),
        _spar((0.16, 0.69), (-0.06, 0.84), 0.018),
        _box("paint", -0.36, 0.12, -0.2, 0.175),
        _box("paint", -0.04, 0.12, 0.08, 0.17),
        *_hull((-0.48, 0.17), (-0.1, 0.125), (0.2, 0.13), (0.48, 0.18), stern=-0.4, stem=0.34),
        _spar((-0.47, 0.145), (0.47, 0.155), 0.014, "paint"),
    ),
    ((-0.36, -0.2, 0.185), (-0.04, 0.08, 0.18), (-0.5, -0.16, 0.215)),
)

_FREIGHTER = Drawing(
    1.0,
    (
        _box("hull", -0.45, 0.42, -0.37, 0.53),
        _box("soot", -0.455, 0.5, -0.365, 0.53),
        _box("trim", -0.47, 0.14, -0.29, 0.44),
        _box("trim", -0.47, 0.14, -0.42, 0.44, tone=0.84),
        _box("trim", -0.49, 0.37, -0.27, 0.44),
        *_windows(-0.47, -0.27, 0.385, 0.42, 5),
        *_windows(-0.41, -0.29, 0.29, 0.325, 3),
        *_windows(-0.41, -0.29, 0.21, 0.245, 3),
        *(
            _box(
                f"cargo{(i * 2 + j) % 3}",
                -0.23 + 0.118 * i,
                0.15 + 0.075 * j,
                -0.12 + 0.118 * i,
                0.222 + 0.075 * j,
            )
            for i in range(5)
            for j in range(2 if i % 2 else 1)
        ),
        _spar((-0.06, 0.15), (-0.06, 0.42), 0.03, "trim"),
        _spar((-0.06, 0.41), (0.1, 0.33), 0.02, "trim"),
        _spar((0.25, 0.15), (0.25, 0.42), 0.03, "trim"),
        _spar((0.25, 0.41), (0.11, 0.33), 0.02, "trim"),
        *_hull((-0.5, 0.17), (0.36, 0.15), (0.4, 0.2), (0.5, 0.23), stern=-0.47, stem=0.44),
        _spar((-0.495, 0.16), (0.37, 0.145), 0.022, "trim"),
    ),
    ((-0.49, -0.27, 0.45), (-0.23, 0.0, 0.235), (0.13, 0.34, 0.235)),
)

_FERRY = Drawing(
    0.96,
    (
        _box("hull", -0.22, 0.36, -0.12, 0.5),
        _box("soot", -0.225, 0.465, -0.115, 0.5),
        _box("paint", -0.38, 0.26, 0.38, 0.37),
        _box("paint", -0.38, 0.26, -0.2, 0.37, tone=0.9),
        *_windows(-0.36, 0.36, 0.29, 0.34, 9),
        _box("trim", 0.06, 0.37, 0.24, 0.46),
        *_windows(0.07, 0.24, 0.395, 0.435, 3),
        _box("paint", 0.04, 0.455, 0.26, 0.475),
        _box("trim", -0.47, 0.11, 0.47, 0.265),
        _box("trim", -0.47, 0.11, -0.28, 0.265, tone=0.88),
        *_windows(-0.44, 0.44, 0.185, 0.23, 11),
        *_hull((-0.51, 0.14), (0.51, 0.14), stern=-0.45, stem=0.45),
    ),
    ((-0.38, 0.04, 0.38), (0.04, 0.26, 0.485), (0.26, 0.38, 0.38)),
)

_TRAWLER = Drawing(
    0.80,
    (
        _spar((0.08, 0.4), (0.08, 0.88), 0.025, "steel"),
        _spar((0.08, 0.78), (-0.33, 0.5), 0.02, "steel"),
        _spar((-0.46, 0.15), (-0.42, 0.6), 0.028, "steel"),
        _spar((-0.3, 0.15), (-0.35, 0.6), 0.028, "steel"),
        _spar((-0.45, 0.6), (-0.32, 0.6), 0.035, "trim"),
        Part("net", ((-0.28, 0.15), (-0.24, 0.27), (-0.14, 0.29), (-0.05, 0.17))),
        _box("trim", -0.02, 0.17, 0.3, 0.4),
        _box("trim", -0.02, 0.17, 0.06, 0.4, tone=0.86),
        _box("trim", 0.04, 0.4, 0.28, 0.55),
        *_windows(0.05, 0.28, 0.44, 0.51, 3),
        *_windows(0.0, 0.28, 0.27, 0.34, 3),
        _box("paint", 0.01, 0.55, 0.31, 0.58),
        *_hull((-0.5, 0.21), (-0.2, 0.17), (0.1, 0.2), (0.3, 0.27), (0.52, 0.4), stern=-0.46, stem=0.4),
        _spar((-0.49, 0.19), (-0.2, 0.155), 0.018, "paint"),
        _spar((-0.2, 0.155), (0.1, 0.185), 0.018, "paint"),
        _spar((0.1, 0.185), (0.5, 0.375), 0.018, "paint"),
    ),
    ((0.01, 0.31, 0.59), (-0.26, -0.08, 0.285), (0.3, 0.5, 0.34)),
)

DRAWINGS: dict[str, Drawing] = {
    "tug": _TUG,
    "sloop": _SLOOP,
    "schooner": _SCHOONER,
    "freighter": _FREIGHTER,
    "ferry": _FERRY,
    "trawler": _TRAWLER,
}
"""The drawing of every vessel type of the vocabulary."""
