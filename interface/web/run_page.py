"""A run as a piece of HTML: how it stands, its rounds, its budget, the map of its gaps. Names are escaped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.run.round import read_final_arms
from atlantis_core.run.summary import summarise
from atlantis_dml.text.figures import format_cell, write_headline
from atlantis_dml.text.templating import render_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.records import Arms
    from atlantis_core.run.session import Session
    from atlantis_dml.web.site import Site

_SHOWN_IN_CELL = 24
_SHOWN_CLASSES = 300  # a page of thousands of rows is slow in every browser


def compute_stamp(site: Site, run_id: str) -> str:
    """Return what changes whenever the page of a run would."""
    run = site.workspace.runs.get(run_id)
    return "-".join(
        map(str, (*site.look(run.id).stamp, site.workspace.standing(run), site.workspace.is_held(run.id)))
    )


def render_run(site: Site, run_id: str) -> str:
    """Return the page's upper part."""
    from atlantis_dml.report.report import plot_overall, plot_targeted

    summary = summarise(site.workspace, run_id)
    run = site.workspace.runs.get(run_id)
    return render_template(
        "web/run.html",
        **summary,
        headline=write_headline(summary),
        created=time.strftime("%d %B %Y, %H:%M", time.localtime(run.created)),
        overall=plot_overall(summary),
        targeted=plot_targeted(summary),
        burn_down=compute_burn_down(summary),
        by_facet=list(site.look(run.id).session.collection.facets),
        has_map=bool(_arms(site.look(run.id).session)),
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
    """Return the map of gaps before and after, every cell a button, classes with the most missed queries first."""
    from atlantis_core.views.gap_map import build_gap_map

    session = site.look(run_id).session
    arms = _arms(session)
    found = build_gap_map(session, arms["baseline"], arms["incumbent"], facet) if arms else None
    if found is None:
        return render_template("web/gaps.html", found=None)
    classes = found.worst_first()
    return render_template(
        "web/gaps.html",
        found=found,
        cells=found.by_place(),
        classes=classes[:_SHOWN_CLASSES],
        more=len(classes) - _SHOWN_CLASSES,
    )


def render_cell(site: Site, run_id: str, class_name: str, facet: str, value: str) -> str:
    """Return the queries of a cell with what was returned instead, before and after."""
    from atlantis_core.records import Cell
    from atlantis_core.views.gap_map import find_query_answers

    session = site.look(run_id).session
    arms = _arms(session)
    if not arms:
        raise ToolError("nothing is measured yet in this run")
    cell = Cell(class_name, facet, value)
    before, after = (
        {one.query_id: one for one in find_query_answers(session, arms[arm][0], cell)}
        for arm in ("baseline", "incumbent")
    )
    rows = [{"before": one, "after": after[key]} for key, one in before.items()]
    return render_template(
        "web/cell.html",
        run_id=session.run_id,
        name=format_cell({"class": class_name or "all classes", "facet": facet, "value": value}),
        rows=rows[:_SHOWN_IN_CELL],
        more=len(rows) - _SHOWN_IN_CELL,
        same=arms["baseline"] == arms["incumbent"],
    )


def _arms(session: Session) -> Arms:
    """Return the arms to compare; before a round was judged the baseline with itself, else nothing yet."""
    arms = read_final_arms(session)
    return arms if arms.get("baseline") and arms.get("incumbent") else {}
