"""What the pages ask and say to steer a run: the protocol that waits, its answer, going on and stopping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from atlantis_core.base.text import clean_text

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

_LONGEST_TOLD = 2000


class Answer(BaseModel):
    """A person's answer to the protocol that waits."""

    decision: Literal["approve", "reject"]
    protocol_id: str
    """Of the protocol that the person saw."""
    cells: list[dict[str, Any]] | None = Field(default=None, max_length=10_000)
    """The protocol's cells with changed counts or prompts; None takes it as it is."""
    reason: str = Field(default="", max_length=1000)


def add_steering_routes(router: APIRouter, site: Site) -> None:
    """Add the routes that steer a run."""

    @router.get("/runs/{run_id}/question")
    def question(run_id: str) -> dict[str, Any]:
        return {"question": site.steering.question(run_id)}

    @router.get("/runs/{run_id}/answered")
    def answered(run_id: str, protocol_id: str) -> dict[str, Any]:
        return {"told": clean_text(site.steering.answered(run_id, protocol_id), _LONGEST_TOLD)}

    @router.post("/runs/{run_id}/answer")
    def answer(run_id: str, said: Answer) -> dict[str, Any]:
        return {"told": site.steering.answer(run_id, said.model_dump())}

    @router.post("/runs/{run_id}/go-on")
    def go_on(run_id: str) -> dict[str, Any]:
        return {"told": site.steering.go_on(run_id)}

    @router.post("/runs/{run_id}/stop")
    def stop(run_id: str) -> dict[str, Any]:
        return {"told": site.steering.stop(run_id)}
