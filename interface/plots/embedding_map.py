"""The embedding map as a drawing: discs are images, colours are groups, rings mark queries with a wrong top-1."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from atlantis_core.base.text import clean_text
from atlantis_core.records.natural_order import natural_key
from atlantis_dml.plots.canvas import Canvas, Dot, Shape, TextLine, estimate_width
from atlantis_dml.plots.palette import NO_GROUP, pick_group_colours

if TYPE_CHECKING:
    from atlantis_core.views.embedding_map import EmbeddingMap, MapPoint

_SIDE, _MARGIN, _TOP, _LEGEND = 720, 28, 64, 250
_LISTED = 26
_LONGEST_NAME = 30
_MISS = "#b00020"
_QUERY_RADIUS, _GALLERY_RADIUS = 5.0, 3.4


def draw_map(found: EmbeddingMap, column: str | None, title: str) -> Canvas:
    """Lay the map out; colours are the values of a column, or the classes."""
    groups = Counter(find_group(point, column) for point in found.points)
    named = [name for name, _ in sorted(groups.items(), key=lambda item: (-item[1], natural_key(item[0]))) if name]
    colours = dict(zip(named, pick_group_colours(len(named)), strict=True)) | {"": NO_GROUP}
    # Gallery images first, misses last, so that what matters most is on top.
    order = sorted(
        range(len(found.points)), key=lambda index: (found.points[index].is_query, found.points[index].is_miss)
    )
    highest = max(point.y for point in found.points)
    dots = [
        Dot(
            x=_MARGIN + _SIDE * (point.x + 0.5),
            y=_TOP + _MARGIN + _SIDE * (highest - point.y),
            radius=_QUERY_RADIUS if point.is_query else _GALLERY_RADIUS,
            fill=colours[find_group(point, column)],
            opacity=1.0 if point.is_query else 0.45,
            ring=_MISS if point.is_miss else "",
            note=describe_point(point),
            key=str(index),
        )
        for index, point in ((index, found.points[index]) for index in order)
    ]
    misses, queries = sum(point.is_miss for point in found.points), sum(point.is_query for point in found.points)
    ringed = f"{misses} of {queries} queries have a wrong top-1 (ringed)" if queries else "no query has a positive"
    line = f"{len(dots)} images; {ringed}; only distances are meaningful, not the axes"
    heading = [TextLine(_MARGIN, 28, title, 16, bold=True), TextLine(_MARGIN, 48, line, 12, faint=True)]
    legend = _legend(column or "class", [(name, groups[name], colours[name]) for name in named], groups[""])
    lowest = max(shape.y for shape in (*dots, *legend))
    width = max(_SIDE + 2 * _MARGIN + _LEGEND, estimate_width(title, 16) + 2 * _MARGIN)
    return Canvas(width, lowest + _MARGIN, title, (*dots, *heading, *legend))


def find_group(point: MapPoint, column: str | None) -> str:
    """Return the group that gives an image its colour; empty without a value."""
    return point.image.label if column is None else point.image.facets.get(column, "")


def describe_point(point: MapPoint) -> str:
    """Describe an image and, if it is a query, its top-1."""
    facets = [f"{name}={value}" for name, value in point.image.facets.items()]
    facts = ", ".join([point.image.label, *facets])
    if not point.is_query:
        return facts
    return f"{facts}; confused with {point.answer}" if point.is_miss else f"{facts}; correct"


def _legend(what: str, groups: list[tuple[str, int, str]], without: int) -> list[Shape]:
    x, y = _SIDE + 2 * _MARGIN + 8, float(_TOP + _MARGIN)
    found: list[Shape] = [TextLine(x, y, f"{clean_text(what, _LONGEST_NAME)} (images)", 12, bold=True)]
    for name, count, colour in groups[:_LISTED]:
        y += 20
        found += [
            Dot(x + 5, y - 4, 5, colour),
            TextLine(x + 18, y, f"{clean_text(name, _LONGEST_NAME)} ({count})", 12),
        ]
    more = len(groups) - _LISTED
    lines = [f"and {more} more"] * (more > 0) + [f"none ({without})"] * (without > 0)
    for line in lines:
        y += 20
        found.append(TextLine(x + 18, y, line, 12, faint=True))
    y += 36
    found += [Dot(x + 5, y - 4, _QUERY_RADIUS, NO_GROUP, 1.0, _MISS), TextLine(x + 18, y, "query, top-1 wrong", 12)]
    found += [Dot(x + 5, y + 16, _QUERY_RADIUS, NO_GROUP), TextLine(x + 18, y + 20, "query, top-1 correct", 12)]
    found += [Dot(x + 5, y + 36, _GALLERY_RADIUS, NO_GROUP, 0.45), TextLine(x + 18, y + 40, "gallery only", 12)]
    return found
