"""The label page: a person names photos of a run's pool, one question at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from atlantis_core.base.errors import NotFoundError
from atlantis_core.pool.answer_file import LONGEST_NAME
from atlantis_core.records import NONE_OF_THESE
from atlantis_dml.web.images import LARGEST_SIDE_PX, thumbnail_response

if TYPE_CHECKING:
    from atlantis_core.records import PhotoQuestion
    from atlantis_core.run.labelling import Labelling
    from atlantis_dml.web.site import Site

_ONE_AT_A_TIME = threading.Lock()
"""Choosing the questions embeds a whole pool, so two at once would both be slower."""


class PhotoLabel(BaseModel):
    """What a person says about a photo."""

    image_id: str = Field(min_length=1, max_length=200)
    label: str = Field(default="", max_length=LONGEST_NAME)
    """A class, known or new; `none of these`; empty to skip the photo."""


def add_label_routes(router: APIRouter, site: Site) -> None:
    """Add the questions about a run's pool, the answers to them, and the photos that they show."""

    @router.get("/runs/{run_id}/labels")
    def question(run_id: str) -> dict[str, Any]:
        """Return the next question; null if there is none left."""
        with _ONE_AT_A_TIME:
            return _describe(site.open_labelling(run_id, again=True))

    @router.post("/runs/{run_id}/labels")
    def answer(run_id: str, given: PhotoLabel) -> dict[str, Any]:
        with _ONE_AT_A_TIME:
            labelling = site.open_labelling(run_id)
            kept = labelling.answer(given.image_id, given.label)
            return _describe(labelling) | {"said": kept.label or "skipped"}

    @router.post("/runs/{run_id}/labels/undo")
    def undo(run_id: str) -> dict[str, Any]:
        """Take back this person's last answer."""
        with _ONE_AT_A_TIME:
            labelling = site.open_labelling(run_id)
            undone = labelling.undo()
            said = f"undone: {undone.label or 'skipped'}" if undone else "you have given no answer to undo"
            return _describe(labelling) | {"said": said}

    @router.get("/runs/{run_id}/labels/photo/{image_id}", response_class=Response)
    def photo(run_id: str, image_id: str, side: Annotated[int, Query(ge=16, le=LARGEST_SIDE_PX)] = 160) -> Any:
        path = site.open_labelling(run_id).paths.get(image_id)
        if path is None:
            raise NotFoundError(f"no question of run {run_id[:40]!r} shows a photo {image_id[:40]!r}")
        return thumbnail_response(path, image_id, side)


def _describe(labelling: Labelling) -> dict[str, Any]:
    asked = labelling.open_questions
    return {
        "question": _describe_question(labelling, asked[0]) if asked else None,
        "left": len(asked),
        "kept": sum(bool(answer.label) for answer in labelling.answers),
        "none": NONE_OF_THESE,
    }


def _describe_question(labelling: Labelling, question: PhotoQuestion) -> dict[str, Any]:
    choices = [
        {"name": name, "examples": list(question.examples.get(name, ()))} for name in labelling.list_choices(question)
    ]
    return {"image_id": question.image_id, "alike": list(question.alike), "choices": choices}
