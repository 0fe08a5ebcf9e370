"""The gallery page: candidates block by block, the real images nearest to them, and manual decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from atlantis_core.views.candidates import CandidateFilter, count_candidates, filter_candidates
from atlantis_dml.web.images import describe_candidate, describe_neighbour

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

MOST_AT_ONCE = 200
_NEAREST = 3


class ManualDecision(BaseModel):
    """A person's decision on candidates."""

    keys: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    kept: bool


def add_gallery_routes(router: APIRouter, site: Site) -> None:
    """Add the routes of one run's candidates."""

    @router.get("/runs/{run_id}/candidates")
    def candidates(
        run_id: str,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 60,
        round: int | None = None,  # noqa: A002 (a query parameter)
        status: str = "",
        filter: str = "",  # noqa: A002
        class_name: str = "",
        value: str = "",
        words: str = "",
        order: str = "asked",
    ) -> dict[str, Any]:
        rows = site.load_run(run_id).rows
        found = filter_candidates(rows, CandidateFilter(round, status, filter, class_name, value, words, order))
        block = [describe_candidate(row) for row in found[offset : offset + limit]]
        return {"total": len(found), "all": len(rows), "offset": offset, "candidates": block}

    @router.get("/runs/{run_id}/counts")
    def count(run_id: str) -> dict[str, Any]:
        return count_candidates(site.load_run(run_id).rows)

    @router.get("/runs/{run_id}/near")
    def near(run_id: str, keys: Annotated[str, Query(max_length=20_000)]) -> dict[str, Any]:
        wanted = set(keys.split(",")[:MOST_AT_ONCE])
        candidates = [row.candidate for row in site.load_run(run_id).rows if row.candidate.key in wanted]
        neighbours = site.screening_model(run_id)
        if neighbours is None or not candidates:
            return {}
        found = neighbours.nearest(candidates, _NEAREST)
        return {
            candidate.key: [describe_neighbour(each) for each in nearest]
            for candidate, nearest in zip(candidates, found, strict=True)
        }

    @router.post("/runs/{run_id}/overrule")
    def overrule(run_id: str, decision: ManualDecision) -> dict[str, Any]:
        from atlantis_core.run.manual_overrides import override_verdicts

        decided = override_verdicts(site.load_run(run_id).session, decision.keys, kept=decision.kept)
        keys = {key for chosen in decided.values() for key in chosen}
        rows = site.load_run(run_id).rows
        return {"candidates": [describe_candidate(row) for row in rows if row.candidate.key in keys]}
