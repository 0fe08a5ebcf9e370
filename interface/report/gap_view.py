"""The map of gaps in the report: the relevant facets and classes, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.records.natural_order import natural_key
from atlantis_core.views.gap_map import GapCell, GapMap, build_gap_map

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

MOST_CLASSES = 30
"""Rows of a map; of more classes, those with the most failed queries."""
_TOWARDS_FULL = 0.55  # tint of a cell that fails on all queries; text stays readable on it


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One square of the map."""

    cell: GapCell
    targeted: bool
    """Whether a round generated images for it."""

    @property
    def tint_before(self) -> float:
        """Strength of the colour, 0 to 1: stronger with more failed queries."""
        return _tint(self.cell.before)

    @property
    def tint_after(self) -> float:
        """The same for the final model."""
        return _tint(self.cell.after)


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A class of the map."""

    name: str
    cells: tuple[HeatCell | None, ...]
    """By value; None without training images and queries."""


@dataclass(frozen=True, slots=True)
class HeatView:
    """One facet."""

    facet: str
    values: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    not_shown: int
    """How many classes are left out."""


def build_gap_maps(
    session: Session, summary: Mapping[str, Any], arms: Mapping[str, Sequence[str]]
) -> tuple[GapMap, ...]:
    """Return the maps of the facets that gaps and protocols name, at most two; none before the first decision."""
    if not (arms.get("baseline") and arms.get("incumbent")):
        return ()
    try:
        facets = _facets(session, summary)
        return tuple(build_gap_map(session, arms["baseline"], arms["incumbent"], facet) for facet in facets)
    except ToolError:  # every training of an arm crashed
        return ()


def build_heat_view(found: GapMap, summary: Mapping[str, Any]) -> HeatView:
    """Lay a map out for reading: targeted classes first, then by name."""
    targeted = _collect_targets(summary)
    targets = {name for name, facet, _ in targeted if facet == found.facet}
    listed = sorted(found.worst_first(), key=lambda name: name not in targets)[:MOST_CLASSES]
    names = sorted(listed, key=lambda name: (name not in targets, natural_key(name)))
    by_place = found.by_place()
    rows = [
        HeatRow(
            name or "all classes",
            tuple(
                HeatCell(cell, (name, found.facet, value) in targeted) if cell else None
                for value in found.values
                for cell in [by_place.get((name, value))]
            ),
        )
        for name in names
    ]
    return HeatView(found.facet, found.values, tuple(rows), len(found.classes) - len(names))


def _facets(session: Session, summary: Mapping[str, Any]) -> list[str]:
    """Return facets, those that gaps and protocols name most often first."""
    named = Counter(gap["facet"] for gap in summary["gaps"])
    named.update(facet for _, facet, _ in _collect_targets(summary))
    known = session.collection.facets
    chosen = [facet for facet in known if named[facet]] or known[:1] or [""]
    return sorted(chosen, key=lambda facet: -named[facet])[:2]


def _collect_targets(summary: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    cells = [cell for entry in summary["rounds"] for cell in entry["protocol"]["cells"]]
    return {(cell["class_name"], cell["facet"], cell["value"]) for cell in cells}


def _tint(recall: float | None) -> float:
    return 0.0 if recall is None else round(_TOWARDS_FULL * (1 - recall), 3)
