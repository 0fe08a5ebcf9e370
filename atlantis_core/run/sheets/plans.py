"""What goes on a contact sheet: new images beside their sources, kept and rejected ones, any others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.records import Candidate, Cell
from atlantis_core.records.sheet import SheetKind, Tile
from atlantis_core.run.diagnosis import is_in_cell
from atlantis_core.run.sheets.drawing import MOST_TILES, count_tiles
from atlantis_core.run.sheets.spreading import spread_evenly
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from atlantis_core.records import LabelledImage
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


def plan_made(session: Session, candidates: Sequence[Candidate], question: str = "") -> SheetPlan:
    """Plan a sheet of synthetic images beside the photos that they were made from, or other photos of their class."""
    shown = spread_evenly(candidates, lambda one: one.cell, count_tiles(2))
    train = {image.id: image for image in session.collection.of_split("train")}
    photos = [train.get(one.source_id) or _find_photo(one.cell, train.values()) for one in shown]
    pairs = list(zip(shown, photos, strict=True))
    return SheetPlan(
        "pilot",
        ("a new image of this round", "the real photo that it was made from, or another one of its class"),
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
        ("a new image of this round",),
        tuple(Tile((one.candidate.key,), one.candidate.cell, _describe_verdict(one)) for one in shown),
        tuple((one.candidate.path,) for one in shown),
        _ask_about_filters(len(kept), len(rejected)),
    )


def _ask_about_filters(num_kept: int, num_rejected: int) -> str:
    if num_kept and num_rejected:
        return "The filters kept some of these images for training and rejected the others. Were they right?"
    done = "kept all of these images for training" if num_kept else "rejected all of these images"
    return f"The filters {done}. Were they right?"


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


def _cell_shown(image: LabelledImage | Candidate, facet: str) -> Cell:
    if isinstance(image, Candidate):
        return image.cell
    value = image.facets.get(facet, "")
    return Cell(image.label, facet if value else "", value)


def _find_photo(cell: Cell, train: Iterable[LabelledImage]) -> LabelledImage | None:
    """Return a photo of a cell's class, of its condition if there is one; of the condition alone without a class."""
    of_class = [one for one in train if cell.class_name in {"", one.label}]
    fitting = [one for one in of_class if is_in_cell(cell, one)]
    return next(iter(fitting or of_class), None)
