"""What the gallery asks for: candidates a piece at a time, real images near them, and a person's word on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from atlantis_core.views.candidates import CandidateFilter, count_candidates, filter_candidates
from atlantis_dml.web.candidate_facts import describe_candidate

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

MOST_AT_ONCE = 200
_NEAREST = 3


class ManualDecision(BaseModel):
    """A person's word on candidates."""

    keys: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    kept: bool


def add_gallery_routes(router: APIRouter, site: Site) -> None:
    """Add the routes of one run's candidates."""

    @router.get("/runs/{run_id}/candidates")
    def candidates(
        run_id: str,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 60,
        round: int | None = None,  # noqa: A002 (the word for it)
        standing: str = "",
        filter: str = "",  # noqa: A002
        class_name: str = "",
        value: str = "",
        words: str = "",
        order: str = "asked",
    ) -> dict[str, Any]:
        rows = site.look(run_id).rows
        found = filter_candidates(rows, CandidateFilter(round, standing, filter, class_name, value, words, order))
        piece = [describe_candidate(row) for row in found[offset : offset + limit]]
        return {"total": len(found), "all": len(rows), "offset": offset, "candidates": piece}

    @router.get("/runs/{run_id}/counts")
    def count(run_id: str) -> dict[str, Any]:
        return count_candidates(site.look(run_id).rows)

    @router.get("/runs/{run_id}/near")
    def near(run_id: str, keys: Annotated[str, Query(max_length=20_000)]) -> dict[str, Any]:
        wanted = set(keys.split(",")[:MOST_AT_ONCE])
        chosen = [row.candidate for row in site.look(run_id).rows if row.candidate.key in wanted]
        neighbours = site.screening_model(run_id)
        if neighbours is None or not chosen:
            return {}
        found = neighbours.nearest(chosen, _NEAREST)
        return {
            one.key: [
                {
                    "id": each.image.id,
                    "label": each.image.label,
                    "facets": each.image.facets,
                    "nearness": each.nearness,
                }
                for each in nearest
            ]
            for one, nearest in zip(chosen, found, strict=True)
        }

    @router.post("/runs/{run_id}/overrule")
    def overrule(run_id: str, said: ManualDecision) -> dict[str, Any]:
        from atlantis_core.run.manual_overrides import override_verdicts as decide

        decided = decide(site.look(run_id).session, said.keys, kept=said.kept)
        keys = {key for chosen in decided.values() for key in chosen}
        return {
            "candidates": [describe_candidate(row) for row in site.look(run_id).rows if row.candidate.key in keys]
        }
