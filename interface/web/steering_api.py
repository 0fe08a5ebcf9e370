"""The routes that steer runs from a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from atlantis_core.base.text import clean_text
from atlantis_core.run.approval import hash_question

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site


class Answer(BaseModel):
    """A person's answer to the protocol that waits."""

    decision: Literal["approve", "respond", "reject", "stop"]
    protocol_id: str
    """Of the protocol that the person saw."""
    protocol_hash: str | None = None
    """Its content hash, as the question gave it: what changed since is not approved."""
    cells: list[dict[str, Any]] | None = Field(default=None, max_length=10_000)
    """The protocol's cells with changed counts or prompts; None if unchanged."""
    words: str = Field(default="", max_length=1000)
    """What should be different, for a protocol that is to be drafted again."""
    reason: str = Field(default="", max_length=1000)


class AskAnswer(BaseModel):
    """A person's answer to the planner's question."""

    ask: str
    """The question that the person saw."""
    words: str = Field(max_length=1000)


def add_steering_routes(router: APIRouter, site: Site) -> None:
    """Add the routes that steer a run."""

    @router.get("/runs/{run_id}/question")
    def question(run_id: str) -> dict[str, Any]:
        pending = site.steering.pending_question(run_id)
        if pending is None:
            return {"question": None}
        words = site.steering.describe_words(run_id, pending)
        return {"question": {**pending, "hash": hash_question(pending), "words": words}}

    @router.get("/runs/{run_id}/answered")
    def answered(run_id: str, protocol_id: str) -> dict[str, Any]:
        return {"message": clean_text(site.steering.describe_answer(run_id, protocol_id), 2000)}

    @router.post("/runs/{run_id}/answer")
    def answer(run_id: str, given: Answer) -> dict[str, Any]:
        return {"message": site.steering.answer(run_id, given.model_dump(exclude_none=True))}

    @router.get("/runs/{run_id}/ask")
    def ask(run_id: str) -> dict[str, Any]:
        return {"ask": site.steering.pending_ask(run_id)}

    @router.post("/runs/{run_id}/ask")
    def answer_ask(run_id: str, given: AskAnswer) -> dict[str, Any]:
        site.steering.answer_ask(run_id, given.words, "in the web form", given.ask)
        return {"message": "Passed on to the planner; the run goes on."}

    @router.post("/runs/{run_id}/resume")
    @router.post("/runs/{run_id}/go-on", include_in_schema=False)  # name of version 0.1
    def resume(run_id: str) -> dict[str, Any]:
        return {"message": site.steering.resume(run_id)}

    @router.post("/runs/{run_id}/stop")
    def stop(run_id: str) -> dict[str, Any]:
        return {"message": site.steering.stop(run_id)}
