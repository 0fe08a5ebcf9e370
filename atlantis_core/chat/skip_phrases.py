"""Finds the cells that a person wants left alone: `fog`, `trawlers at night`, `everything but night`."""

from __future__ import annotations

import re

from atlantis_core.base.errors import ToolError
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell, Collection
from atlantis_core.run.constraints import parse_cells

_ALL_BUT = re.compile(r"^\s*(?:everything|all|anything)\s+(?:but|except|besides)\s+", re.IGNORECASE)


def parse_skipped_cells(words: str, collection: Collection) -> tuple[Cell, ...]:
    """Return the cells that the words name; for `everything but ...`, the other classes and values.

    Raises:
        ToolError: The words name no class or facet value, or no other cells remain.
    """
    but = _ALL_BUT.match(words)
    named = parse_cells(words[but.end() :] if but else words, collection)
    if not named:
        known = "; ".join(
            f"{facet}: {', '.join(values[:8])}" for facet, values in facet_value_lists(collection).items()
        )
        raise ToolError(f"{words!r} names no class and no facet value; known: {known or 'classes only'}")
    if not but:
        return named
    others = _others(named, collection)
    if not others:
        raise ToolError(f"{words!r} names every class or value, so none is left alone; name fewer")
    return others


def _others(named: tuple[Cell, ...], collection: Collection) -> tuple[Cell, ...]:
    classes = {cell.class_name for cell in named} - {""}
    kept = {(cell.facet, cell.value) for cell in named if cell.facet}
    facets = {facet for facet, _ in kept}
    others = [Cell(name) for name in collection.classes if classes and name not in classes]
    for facet, values in facet_value_lists(collection).items():
        others += [Cell("", facet, value) for value in values if facet in facets and (facet, value) not in kept]
    return tuple(others)
