"""The report of a run: one self-contained HTML page and the same as JSON."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.data.inspection import left_out
from atlantis_core.session import Session
from atlantis_core.summary import summarise
from atlantis_dml import __version__
from atlantis_dml.charts import Plot, Point, plot
from atlantis_dml.reproducing import command_of
from atlantis_dml.sheets import sheets
from atlantis_dml.trace_view import step_counts, trace_of
from atlantis_dml.wording import cell_name, duration, headline, points

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace

Summary = dict[str, Any]


def write_report(workspace: Workspace, run_id: str) -> Summary:
    """Write `report.html` and `report.json` of a run, finished or not; return the summary.

    Args:
        workspace: Where the run is kept.
        run_id: Its id, its only prefix, or `last`.

    Raises:
        SetupError: No such run.
    """
    summary = summarise(workspace, run_id)
    folder = workspace.path("runs", summary["run_id"])
    _write(folder / "report.json", json.dumps(summary, indent=2, allow_nan=False))
    _write(folder / "report.html", render_report(workspace, summary))
    return summary


def render_report(workspace: Workspace, summary: Summary) -> str:
    """Return the page. Names from collections are escaped; no request leaves the page."""
    from jinja2 import Environment, StrictUndefined

    run = workspace.runs.get(summary["run_id"])
    session = Session(workspace, run.id, run.spec)
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"duration": duration, "points": points, "cell_name": cell_name}
    source = resources.files(__package__ or "atlantis_dml").joinpath("templates", "report.html")
    return environment.from_string(source.read_text(encoding="utf-8")).render(
        headline=headline(summary),
        overall=overall_plot(summary),
        targeted=targeted_plot(summary),
        sheets={entry["index"]: sheets(session, entry["index"]) for entry in summary["rounds"]},
        steps=step_counts(trace_of(workspace, run.id)),
        command=command_of(run.spec),
        created=time.strftime("%d %B %Y, %H:%M", time.localtime(run.created)),
        version=__version__,
        collection=_collection(session),
        **{key: summary[key] for key in summary},
    )


def overall_plot(summary: Mapping[str, Any]) -> Plot | None:
    """Lay out Recall@1 over all queries: frozen, baseline, then each judged round.

    A round's whisker is the 95 % interval of its gain over the baseline, set on the baseline.
    """
    if summary["baseline"] is None:
        return None
    bar = summary["baseline"]["recall_at"]["1"]
    found = [Point("baseline", bar, "bar")]
    if summary["frozen"]:
        found.insert(0, Point("frozen", summary["frozen"]["recall_at"]["1"], "bar"))
    best = [point.value for point in found]
    for entry in _judged(summary):
        change = entry["over_baseline"]
        style: Any = "kept" if entry["kept"] else "rolled-back"
        low, high = change["before"] + change["low"], change["before"] + change["high"]
        found.append(Point(f"round {entry['index']}", change["after"], style, low, high))
        best.append(change["after"] if entry["kept"] else best[-1])
    return plot(found, level=bar, incumbents=best)


def targeted_plot(summary: Mapping[str, Any]) -> Plot | None:
    """Lay out Recall@1 on each round's own cells, before and after."""
    return plot(
        [
            Point(
                f"round {entry['index']}",
                change["after"],
                "kept" if entry["kept"] else "rolled-back",
                change["before"] + change["low"],
                change["before"] + change["high"],
                change["before"],
            )
            for entry in _judged(summary)
            for change in [entry["gap_recall_at_1"]]
        ]
    )


def _judged(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in summary["rounds"] if entry["judged"]]


def _collection(session: Session) -> dict[str, Any]:
    collection = session.collection
    return {
        "name": collection.name,
        "train": len(collection.of_split("train")),
        "validation": len(collection.of_split("validation")),
        "test": collection.num_test,
        "classes": len(collection.classes),
        "facets": list(collection.facets),
        "left_out": len(left_out(collection.problems)),
        "splits_given": collection.splits_given,
    }


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: a reader may look while a run writes."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)
