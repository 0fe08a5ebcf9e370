"""The sheet of missed queries: each beside the image that came first, and a right answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from atlantis_core.records import Cell
from atlantis_core.records.sheet import Look, Tile
from atlantis_core.run.diagnosis import diagnose, is_in_cell
from atlantis_core.run.sheets.drawing import count_tiles
from atlantis_core.run.sheets.looking import look_at
from atlantis_core.run.sheets.plans import SheetPlan
from atlantis_core.run.sheets.spreading import spread_evenly
from atlantis_core.run.top_images import find_top_images

if TYPE_CHECKING:
    from atlantis_core.records import Gap, LabelledImage
    from atlantis_core.run.session import Session
    from atlantis_core.run.sheets.looking import Eyes

QUICK_IMAGES = 1000
"""More images are not searched again only to draw a sheet for a person, nor are any with a backbone that is trained
as a whole: it takes over a second, and `atlantis trace RUN --round N --queries` shows them afterwards."""


def look_at_missed(session: Session, round_index: int, model: str, top: int, eyes: Eyes | None) -> Look | None:
    """Look at queries that a model misses, those of its `top` gaps first.

    None if it misses none, if the queries that are measured are attacked, or if it is slow and no model looks.
    """
    if session.spec.attack or (eyes is None and not _is_quick(session)):
        return None
    plan = plan_missed(session, model, diagnose(session, model, top))
    return look_at(session, round_index, plan, eyes) if plan else None


def _is_quick(session: Session) -> bool:
    searched = len(session.task.queries) + len(session.task.gallery)
    return session.recipe.trainable_fraction < 1 and searched <= QUICK_IMAGES


def plan_missed(session: Session, model: str, gaps: Sequence[Gap]) -> SheetPlan | None:
    """Plan a sheet of queries that a model misses, those of the worst gaps first; None if it misses none.

    Each stands beside the image that came first and another image of its class in the gallery.

    Args:
        session: The run's.
        model: Whose failures.
        gaps: Worst first.
    """
    queries = {query.id: query for query in session.task.queries}
    top = find_top_images(session, model)
    missed = [queries[name] for name, first in top.items() if first.label != queries[name].label]
    ranks = {query.id: _rank_gap(query, gaps) for query in missed}
    missed.sort(key=lambda query: ranks[query.id])
    chosen = spread_evenly(missed, lambda query: ranks[query.id], count_tiles(3))
    if not chosen:
        return None
    answers = {query.id: _find_positive(query, session.task.gallery) for query in chosen}
    shown = [(query, top[query.id], answers[query.id]) for query in chosen]
    tiles = [
        Tile(tuple(one.id if one else "" for one in row), _cell_of(row[0], gaps), f"first came {row[1].label}")
        for row in shown
    ]
    return SheetPlan(
        "missed",
        ("a query that was missed", "the image of another class that came first", "another image of its class"),
        tuple(tiles),
        tuple(tuple(one.path if one else "" for one in row) for row in shown),
        "Why are these queries missed? Say what left and middle share, and what left has that right has not.",
        has_control=all(answers.values()),
    )


def _rank_gap(query: LabelledImage, gaps: Sequence[Gap]) -> int:
    """Return the place of the first gap that a query is in; after all of them if it is in none."""
    return next((place for place, gap in enumerate(gaps) if is_in_cell(gap.cell, query)), len(gaps))


def _cell_of(query: LabelledImage, gaps: Sequence[Gap]) -> Cell:
    """Return a query's class, and its value of the facet of the first gap that it is in."""
    gap = next((gap for gap in gaps if is_in_cell(gap.cell, query)), None)
    return Cell(query.label, gap.cell.facet, gap.cell.value) if gap else Cell(query.label)


def _find_positive(query: LabelledImage, gallery: Iterable[LabelledImage]) -> LabelledImage | None:
    return next((one for one in gallery if one.label == query.label and one.id != query.id), None)
