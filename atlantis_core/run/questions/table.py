"""Class x facet: training images, queries and Recall@1 of every cell, the most missed queries first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import quote
from atlantis_core.run.measurements import load_outcomes
from atlantis_core.run.questions.subjects import MOST_LISTED, require_facet
from atlantis_core.statistics.cells import CellTally, cell_table

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


def answer(session: Session, model: str, subject: str) -> tuple[str, Any]:
    """Answer for one facet; without a subject for the first one, or for whole classes if there is none."""
    outcomes = [found for found in load_outcomes(session, [model]) if found]
    if not outcomes:
        raise ToolError("the diagnosing training crashed; there is nothing to read")
    facet = require_facet(session, subject) if subject or session.collection.facets else ""
    table = cell_table(session.collection, outcomes, facet)
    ordered = sorted(table.cells, key=lambda one: (one.hits - one.queries, str(one.cell)))
    what = f"class x {quote(facet, 60)}" if facet else "class"
    head = f"{what}, {len(ordered)} cells, typically {table.typical_support:g} training images; most missed first: "
    lines = "; ".join(map(_describe, ordered[:MOST_LISTED]))
    rows = [{"cell": one.cell, "support": one.support, "queries": one.queries, "hits": one.hits} for one in ordered]
    return head + lines, rows


def _describe(one: CellTally) -> str:
    name = quote(one.cell.class_name, 60) if one.cell.class_name else "every class"
    value = f" at {quote(one.cell.value, 40)}" if one.cell.value else ""
    recall = f"R@1 {one.hits / one.queries:.2f} of {one.queries}" if one.queries else "no query"
    return f"{name}{value}: {one.support} training images, {recall}"
