"""What the pages ask about runs: how they stand, and what is shown of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from atlantis_core.base.text import clean_text

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

_LONGEST_NAME = 300


def add_run_routes(router: APIRouter, site: Site) -> None:
    """Add the routes of runs."""

    @router.get("/runs")
    def runs() -> dict[str, Any]:
        return {
            "runs": [
                {
                    "id": run.id,
                    "standing": standing,
                    "created": run.created,
                    "data": clean_text(run.spec.data, _LONGEST_NAME),
                    "goal": clean_text(run.spec.goal.text, _LONGEST_NAME),
                }
                for run, standing in site.runs()
            ]
        }

    @router.get("/runs/{run_id}/page")
    def page(run_id: str, seen: str = "") -> dict[str, Any]:
        from atlantis_dml.web.run_page import compute_stamp, render_run

        stamp = compute_stamp(site, run_id)
        doing, problem = site.steering.doing(run_id)
        facts = {
            "stamp": stamp,
            "doing": clean_text(doing, _LONGEST_NAME),
            "problem": clean_text(problem, _LONGEST_NAME),
        }
        return facts if stamp == seen else facts | {"html": render_run(site, run_id)}

    @router.get("/runs/{run_id}/report")
    def report(run_id: str) -> Any:
        from atlantis_dml.report.report import write_report

        written = write_report(site.workspace, run_id)
        return HTMLResponse(Path(written["report_path"]).read_text(encoding="utf-8"))

    @router.get("/runs/{run_id}/gaps")
    def gaps(run_id: str, facet: str = "") -> dict[str, Any]:
        from atlantis_dml.web.run_page import render_gaps

        return {"html": render_gaps(site, run_id, facet)}

    @router.get("/runs/{run_id}/cell")
    def cell(
        run_id: str, class_name: Annotated[str, Query(max_length=_LONGEST_NAME)], facet: str = "", value: str = ""
    ) -> dict[str, Any]:
        from atlantis_dml.web.run_page import render_cell

        return {"html": render_cell(site, run_id, class_name, facet, value)}
