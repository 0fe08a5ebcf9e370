"""The runs page: status, rounds and budget of a run, the map of its gaps, the queries of a cell; all escaped."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import clean_text
from atlantis_core.run.round import read_final_arms
from atlantis_core.run.summary import summarise
from atlantis_dml.text.figures import format_cell, write_headline
from atlantis_dml.text.templating import render_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.records import Arms
    from atlantis_core.run.session import Session
    from atlantis_dml.web.site import Site

_LONGEST_NAME = 300
_MOST_QUERIES = 24
_MOST_CLASSES = 300  # browsers are slow with thousands of table rows


def add_run_routes(router: APIRouter, site: Site) -> None:
    """Add the routes of the runs page."""

    @router.get("/runs")
    def runs() -> dict[str, Any]:
        return {
            "runs": [
                {
                    "id": run.id,
                    "status": status,
                    "created": run.created,
                    "data": clean_text(run.spec.data, _LONGEST_NAME),
                    "goal": clean_text(run.spec.goal.text, _LONGEST_NAME),
                }
                for run, status in site.list_runs()
            ]
        }

    @router.get("/runs/{run_id}/page")
    def page(run_id: str, seen: str = "") -> dict[str, Any]:
        stamp = compute_stamp(site, run_id)
        doing, problem = (clean_text(text, _LONGEST_NAME) for text in site.steering.describe_activity(run_id))
        facts = {"stamp": stamp, "doing": doing, "problem": problem}
        return facts if stamp == seen else facts | {"html": render_run(site, run_id)}

    @router.get("/runs/{run_id}/report")
    def report(run_id: str) -> Any:
        from atlantis_dml.report.report import write_report

        written = write_report(site.workspace, run_id)
        return HTMLResponse(Path(written["report_path"]).read_text(encoding="utf-8"))

    @router.get("/runs/{run_id}/gaps")
    def gaps(run_id: str, facet: str = "") -> dict[str, Any]:
        return {"html": render_gaps(site, run_id, facet)}

    @router.get("/runs/{run_id}/cell")
    def cell(
        run_id: str, class_name: Annotated[str, Query(max_length=_LONGEST_NAME)], facet: str = "", value: str = ""
    ) -> dict[str, Any]:
        return {"html": render_cell(site, run_id, class_name, facet, value)}


def compute_stamp(site: Site, run_id: str) -> str:
    """Return a stamp that changes whenever the run's HTML would."""
    run = site.workspace.runs.get(run_id)
    parts = *site.load_run(run.id).stamp, site.workspace.read_status(run), site.workspace.is_locked(run.id)
    return "-".join(map(str, parts))


def render_run(site: Site, run_id: str) -> str:
    """Return the HTML above the map of gaps: headline, figures, charts and rounds."""
    from atlantis_dml.report.report import plot_overall, plot_targeted

    summary = summarise(site.workspace, run_id)
    run = site.workspace.runs.get(run_id)
    session = site.load_run(run.id).session
    return render_template(
        "web/runs.html",
        **summary,
        headline=write_headline(summary),
        created=time.strftime("%d %B %Y, %H:%M", time.localtime(run.created)),
        overall=plot_overall(summary),
        targeted=plot_targeted(summary),
        burn_down=compute_burn_down(summary),
        by_facet=list(session.collection.facets),
        has_map=bool(_read_arms(session)),
    )


def compute_burn_down(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how many images of the budget are left at the start and after each round; empty without a limit."""
    budget = summary["budget"]["images"]
    if budget is None:
        return []
    left = budget
    found = [{"label": "start", "left": left, "share": 1.0}]
    for entry in summary["rounds"]:
        left -= entry["images"]["made"]
        found.append({"label": f"round {entry['index']}", "left": left, "share": max(0.0, left / budget)})
    return found


def render_gaps(site: Site, run_id: str, facet: str) -> str:
    """Return the map of gaps before and after, a button per cell, classes with the most failed queries first."""
    from atlantis_core.views.gap_map import build_gap_map

    session = site.load_run(run_id).session
    arms = _read_arms(session)
    if not arms:
        return render_template("web/runs_gaps.html", found=None)
    found = build_gap_map(session, arms["baseline"], arms["incumbent"], facet)
    classes = found.worst_first()
    return render_template(
        "web/runs_gaps.html",
        found=found,
        cells=found.by_place(),
        classes=classes[:_MOST_CLASSES],
        more=len(classes) - _MOST_CLASSES,
    )


def render_cell(site: Site, run_id: str, class_name: str, facet: str, value: str) -> str:
    """Return the queries of a cell, each with its top-1 before and after."""
    from atlantis_core.records import Cell
    from atlantis_core.views.gap_map import find_query_answers

    session = site.load_run(run_id).session
    arms = _read_arms(session)
    if not arms:
        raise ToolError("nothing has been measured in this run yet")
    cell = Cell(class_name, facet, value)
    before, after = (
        {one.query_id: one for one in find_query_answers(session, arms[arm][0], cell)}
        for arm in ("baseline", "incumbent")
    )
    rows = [{"before": one, "after": after[key]} for key, one in before.items()]
    return render_template(
        "web/runs_cell.html",
        run_id=session.run_id,
        name=format_cell({"class": class_name or "all classes", "facet": facet, "value": value}),
        rows=rows[:_MOST_QUERIES],
        more=len(rows) - _MOST_QUERIES,
        same=arms["baseline"] == arms["incumbent"],
    )


def _read_arms(session: Session) -> Arms:
    """Return the arms to compare. Before the first decision both are the baseline; before that there are none."""
    arms = read_final_arms(session)
    return arms if arms.get("baseline") and arms.get("incumbent") else {}
