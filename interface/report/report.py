"""The report of a run: a self-contained HTML page, and the same as Markdown and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.data.reading import count_left_out
from atlantis_core.run.round import read_final_arms, read_rounds
from atlantis_core.run.session import Session
from atlantis_core.run.summary import summarise
from atlantis_core.views.gap_map import FEW_QUERIES
from atlantis_dml.plots.files import write_file
from atlantis_dml.report.charts import Plot, Point, lay_out_plot
from atlantis_dml.report.contact_sheets import build_sheets
from atlantis_dml.report.gap_view import HeatView, build_gap_maps, build_heat_view
from atlantis_dml.report.looks import build_looks
from atlantis_dml.report.markdown import render_markdown
from atlantis_dml.text.command_lines import build_run_command
from atlantis_dml.text.figures import ARM_HEADERS, ARM_NOTE, RECIPE_HEADERS, write_headline
from atlantis_dml.text.moved_cells import MOVED_NOTE
from atlantis_dml.text.templating import render_template
from atlantis_dml.views.trace import build_trace, count_steps

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace

Summary = dict[str, Any]

KINDS = ("html", "md", "json")
"""File name endings of a copy."""


def write_report(workspace: Workspace, run_id: str, copy: Path | None = None) -> Summary:
    """Write `report.html`, `report.md` and `report.json` of a run, finished or not; return the summary.

    The page embeds its images; the Markdown contains none, since it is pasted elsewhere. A copy, at a path from
    `plots.files.check_target`, has the format of its ending. The summary also has `gap_maps`, the facts of each map.

    Raises:
        SetupError: No such run, or the copy cannot be written.
    """
    summary = summarise(workspace, run_id)
    session = Session(workspace, summary["run_id"], workspace.runs.get(summary["run_id"]).spec)
    maps = build_gap_maps(session, summary, read_final_arms(session))
    summary["gap_maps"] = [found.facts() for found in maps]
    facts, views = collect_facts(session, summary), [build_heat_view(found, summary) for found in maps]
    written = {
        "html": render_report(session, facts, views),
        "md": render_markdown(facts, views),
        "json": json.dumps(summary, indent=2, allow_nan=False),
    }
    folder = workspace.path("runs", session.run_id)
    for kind, text in written.items():
        write_file(text.encode(), folder / f"report.{kind}")
    if copy is not None:
        write_file(written[copy.suffix.lower().removeprefix(".")].encode(), copy)
    return summary


def render_report(session: Session, facts: Summary, maps: Sequence[HeatView]) -> str:
    """Return the page. Names from collections are escaped; the page sends no requests."""
    return render_template(
        "report/report.html",
        overall=plot_overall(facts),
        targeted=plot_targeted(facts),
        maps=maps,
        few_queries=FEW_QUERIES,
        arm_headers=ARM_HEADERS,
        arm_note=ARM_NOTE,
        recipe_headers=RECIPE_HEADERS,
        moved_note=MOVED_NOTE,
        looks={entry["index"]: build_looks(session, entry) for entry in facts["rounds"]},
        sheets={found.index: build_sheets(session, found) for found in read_rounds(session) if found.protocol},
        **facts,
    )


def collect_facts(session: Session, summary: Summary) -> Summary:
    """Return the summary and what the page and the Markdown show in addition."""
    run, collection = session.workspace.runs.get(session.run_id), session.collection
    return summary | {
        "headline": write_headline(summary),
        "steps": count_steps(build_trace(session.workspace, run.id)),
        "command": build_run_command(run.spec),
        "created": time.strftime("%d %B %Y, %H:%M", time.localtime(run.created)),
        "version": metadata.version("atlantis-dml"),
        "collection": {
            "name": collection.name,
            "train": len(collection.of_split("train")),
            "validation": len(collection.of_split("validation")),
            "test": collection.num_test,
            "classes": len(collection.classes),
            "facets": list(collection.facets),
            "left_out": count_left_out(collection),
            "splits_given": collection.splits_given,
        },
    }


def plot_overall(summary: Mapping[str, Any]) -> Plot | None:
    """Lay out Recall@1 over all queries: frozen, baseline, then each judged round.

    A round's whisker is the 95 % interval of its gain, added to the baseline.
    """
    bar = summary["baseline"] and summary["baseline"]["recall_at"]["1"]
    if bar is None:  # not measured, or without a query
        return None
    found = [Point("baseline", bar, "bar")]
    if summary["frozen"]:
        found.insert(0, Point("frozen", summary["frozen"]["recall_at"]["1"], "bar"))
    best = [point.value for point in found]
    for entry in _list_judged(summary):
        change = entry["over_baseline"]
        style: Any = "kept" if entry["kept"] else "rolled-back"
        low, high = change["before"] + change["low"], change["before"] + change["high"]
        found.append(Point(f"round {entry['index']}", change["after"], style, low, high))
        best.append(change["after"] if entry["kept"] else best[-1])
    return lay_out_plot(found, level=bar, incumbents=best)


def plot_targeted(summary: Mapping[str, Any]) -> Plot | None:
    """Lay out Recall@1 on the cells each round targeted, before and after."""
    return lay_out_plot(
        [
            Point(
                f"round {entry['index']}",
                change["after"],
                "kept" if entry["kept"] else "rolled-back",
                change["before"] + change["low"],
                change["before"] + change["high"],
                change["before"],
            )
            for entry in _list_judged(summary)
            if (change := entry["gap_recall_at_1"])
        ]
    )


def _list_judged(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in summary["rounds"] if entry["judged"]]
