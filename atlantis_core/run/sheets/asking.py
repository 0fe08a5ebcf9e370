"""Which images a planner means that asks to look at some."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import quote
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell
from atlantis_core.run.diagnosis import is_in_cell
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_round
from atlantis_core.run.sheets.drawing import MOST_TILES
from atlantis_core.run.sheets.missed import plan_missed
from atlantis_core.run.sheets.plans import SheetPlan, plan_images, plan_made
from atlantis_core.run.sheets.spreading import spread_evenly
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, LabelledImage
    from atlantis_core.run.session import Session

_KNOWN = (
    "say missed, made, kept, rejected, a class, a cell as in `class, facet: value` or `facet: value`, or image ids "
    "joined by commas"
)
_LONGEST = 120
_ID = re.compile(r"[0-9a-f]{12,64}")


def plan_asked(session: Session, round_index: int, model: str, what: str) -> SheetPlan:
    """Plan the sheet that a planner asks for; names are compared without regard to case.

    Raises:
        ToolError: It names nothing, or nothing of that kind exists yet.
    """
    words = " ".join(what.split())
    if words.casefold() == "missed":
        return _plan_missed(session, round_index, model)
    if words.casefold() == "made":
        return plan_made(session, _list_made(session, round_index))
    if words.casefold() in {"kept", "rejected"}:
        return _plan_judged(session, round_index, words.casefold())
    ids = re.split(r"[\s,;]+", words.casefold())
    if all(map(_ID.fullmatch, ids)):
        return plan_images(_find_images(session, round_index, ids))
    return _plan_cell(session, parse_cell(session, words))


def parse_cell(session: Session, words: str) -> Cell:
    """Return the cell that words name: a class, `facet: value`, or both, joined by a comma.

    Raises:
        ToolError: They name no class or facet value of the collection.
    """
    known = {_fold(image.label): Cell(image.label) for image in session.collection.images}
    for facet, values in facet_value_lists(session.collection).items():
        known |= {_fold(f"{facet}: {value}"): Cell("", facet, value) for value in values}
    whole = known.get(_fold(words))
    if whole is not None:
        return whole
    for place in (found.start() for found in re.finditer(",", words)):  # names may have commas of their own
        first, second = known.get(_fold(words[:place])), known.get(_fold(words[place + 1 :]))
        if first and second and first.class_name and second.facet:
            return replace(second, class_name=first.class_name)
    raise ToolError(f"{quote(words, _LONGEST)} names no images; {_KNOWN}")


def _fold(name: str) -> str:
    return re.sub(r"\s*[:=]\s*", ":", " ".join(name.split())).strip("\"' ").casefold()


def _plan_missed(session: Session, round_index: int, model: str) -> SheetPlan:
    gaps = session.read(round_index, JournalKind.GAPS)
    plan = plan_missed(session, model, gaps or ())
    if plan is None:
        raise ToolError("no query is missed")
    return plan


def _plan_cell(session: Session, cell: Cell) -> SheetPlan:
    """Plan training images of a cell, and validation images where it has no other, taken in turn from its classes."""
    images = [image for image in session.collection.images if is_in_cell(cell, image)]
    train = [image for image in images if image.split == "train"]
    if not images:
        raise ToolError(f"no training or validation image is of {quote(_name(cell), _LONGEST)}")
    chosen = spread_evenly(train or images, lambda image: (image.label, image.facets.get(cell.facet)), MOST_TILES)
    return plan_images(chosen, cell.facet)


def _name(cell: Cell) -> str:
    return ", ".join(filter(None, (cell.class_name, f"{cell.facet}: {cell.value}" if cell.facet else "")))


def _list_made(session: Session, round_index: int) -> list[Candidate]:
    keys = read_round(session, round_index).candidate_keys
    if not keys:
        raise ToolError("this round has made no images yet")
    found = session.workspace.candidates.find(keys)
    return [found[key] for key in dict.fromkeys(keys) if key in found]


def _plan_judged(session: Session, round_index: int, status: str) -> SheetPlan:
    screened = list_screened(session, read_round(session, round_index))
    if not any(one.verdict for one in screened):
        raise ToolError("the filters have not seen this round's images yet; run score_outliers first")
    chosen = [one.candidate for one in screened if one.status == status]
    if not chosen:
        raise ToolError(f"none of this round's {len(screened)} images was {status}")
    shown = spread_evenly(chosen, lambda one: one.cell, MOST_TILES)
    return plan_images(shown)


def _find_images(session: Session, round_index: int, ids: list[str]) -> list[LabelledImage | Candidate]:
    """Return images of the collection or of this round by id; the test split has no images here."""
    if len(ids) > MOST_TILES:
        raise ToolError(f"{len(ids)} images are too many for one sheet; name at most {MOST_TILES}")
    known: dict[str, LabelledImage | Candidate] = {image.id: image for image in session.collection.images}
    known |= session.workspace.candidates.find(read_round(session, round_index).candidate_keys)
    if unknown := [name for name in ids if name not in known]:
        raise ToolError(
            f"there is no image {quote(unknown[0], 64)} among the training and validation images and those of this "
            "round"
        )
    return [known[name] for name in dict.fromkeys(ids)]
