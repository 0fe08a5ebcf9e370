"""What goes on a contact sheet: missed queries, new images beside their sources, kept and rejected ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.records import Candidate, Cell
from atlantis_core.records.sheet import SheetKind, Tile
from atlantis_core.run.diagnosis import is_in_cell
from atlantis_core.run.sheets.drawing import MOST_TILES, count_tiles
from atlantis_core.run.sheets.spreading import spread_evenly
from atlantis_core.run.top_images import find_top_images
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from atlantis_core.records import Gap, LabelledImage
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session
    from atlantis_core.run.verdicts import ScreenedCandidate


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """A sheet that is to be drawn."""

    kind: SheetKind
    parts: tuple[str, ...]
    tiles: tuple[Tile, ...]
    rows: tuple[tuple[str, ...], ...]
    """Paths of each tile's images."""
    question: str
    """What is asked about it."""
    has_control: bool = False


def plan_missed(session: Session, model: str, gaps: Sequence[Gap], cell: Cell | None = None) -> SheetPlan | None:
    """Plan a sheet of queries that a model misses, those of the worst gaps first; None if it misses none.

    Each stands beside the image that came first and another image of its class in the gallery.

    Args:
        session: The run's.
        model: Whose failures.
        gaps: Worst first.
        cell: Only its queries; an empty field means any.
    """
    queries = {query.id: query for query in session.task.queries}
    top = find_top_images(session, model)
    missed = [queries[name] for name, first in top.items() if first.label != queries[name].label]
    if cell is not None:
        missed = [query for query in missed if is_in_cell(cell, query)]
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


def plan_made(session: Session, candidates: Sequence[Candidate], question: str = "") -> SheetPlan:
    """Plan a sheet of synthetic images beside the photos that they were made from, or other photos of their class."""
    shown = spread_evenly(candidates, lambda one: one.cell, count_tiles(2))
    train = {image.id: image for image in session.collection.of_split("train")}
    photos = [train.get(one.source_id) or _find_photo(one.cell, train.values()) for one in shown]
    pairs = list(zip(shown, photos, strict=True))
    return SheetPlan(
        "pilot",
        ("a synthetic image", "the real photo that it was made from, or another one of its class"),
        tuple(Tile((one.key, photo.id if photo else ""), one.cell) for one, photo in pairs),
        tuple((one.path, photo.path if photo else "") for one, photo in pairs),
        question or "Do the left images show the class, and the condition that was asked for?",
        has_control=all(photo is not None for photo in photos),
    )


def plan_screened(session: Session, found: Round) -> SheetPlan | None:
    """Plan a sheet of a round's images that the filters kept, and of those that they rejected; None without any."""
    judged = [one for one in list_screened(session, found) if one.verdict is not None]
    kept, rejected = ([one for one in judged if one.is_kept == wanted] for wanted in (True, False))
    half = MOST_TILES // 2
    num_rejected = min(len(rejected), max(half, MOST_TILES - len(kept)))
    shown = [*_take(kept, MOST_TILES - num_rejected), *_take(rejected, num_rejected)]
    if not shown:
        return None
    return SheetPlan(
        "screened",
        ("a synthetic image",),
        tuple(Tile((one.candidate.key,), one.candidate.cell, _describe_verdict(one)) for one in shown),
        tuple((one.candidate.path,) for one in shown),
        "The filters kept some of these images for training and rejected the others. Were they right?",
    )


def plan_images(images: Sequence[LabelledImage | Candidate], facet: str = "") -> SheetPlan:
    """Plan a sheet of any images, in order; `facet` names the condition that real ones are asked about."""
    shown = images[: count_tiles(1)]
    return SheetPlan(
        "asked",
        ("an image",),
        tuple(Tile((one.id,), _cell_shown(one, facet)) for one in shown),
        tuple((one.path,) for one in shown),
        "What do these images show, and do they show the class and the condition they are said to show?",
    )


def _take(screened: Sequence[ScreenedCandidate], most: int) -> list[ScreenedCandidate]:
    return spread_evenly(screened, lambda one: one.candidate.cell, most)


def _describe_verdict(one: ScreenedCandidate) -> str:
    return "kept" if one.is_kept else f"rejected by {one.verdict.filter if one.verdict else 'nobody'}"


def _rank_gap(query: LabelledImage, gaps: Sequence[Gap]) -> int:
    """Return the place of the first gap that a query is in; after all of them if it is in none."""
    return next((place for place, gap in enumerate(gaps) if is_in_cell(gap.cell, query)), len(gaps))


def _cell_of(query: LabelledImage, gaps: Sequence[Gap]) -> Cell:
    """Return a query's class, and its value of the facet of the first gap that it is in."""
    gap = next((gap for gap in gaps if is_in_cell(gap.cell, query)), None)
    return Cell(query.label, gap.cell.facet, gap.cell.value) if gap else Cell(query.label)


def _cell_shown(image: LabelledImage | Candidate, facet: str) -> Cell:
    if isinstance(image, Candidate):
        return image.cell
    value = image.facets.get(facet, "")
    return Cell(image.label, facet if value else "", value)


def _find_positive(query: LabelledImage, gallery: Iterable[LabelledImage]) -> LabelledImage | None:
    return next((one for one in gallery if one.label == query.label and one.id != query.id), None)


def _find_photo(cell: Cell, train: Iterable[LabelledImage]) -> LabelledImage | None:
    """Return a photo of a cell's class, of its condition if there is one; of the condition alone without a class."""
    of_class = [one for one in train if cell.class_name in {"", one.label}]
    fitting = [one for one in of_class if is_in_cell(cell, one)]
    return next(iter(fitting or of_class), None)
