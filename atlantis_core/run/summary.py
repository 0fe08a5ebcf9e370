"""A run in one JSON object: what `atlantis run`, `demo`, `resume` and `report` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Gap
from atlantis_core.run.before_after import compare_gaps, compare_overall, compare_planted_gap
from atlantis_core.run.session import Session
from atlantis_core.run.verdict_snapshot import snapshot_verdicts
from atlantis_core.store.events import NESTED_KINDS
from atlantis_core.store.runs import Run
from atlantis_core.store.workspace import Workspace

MOST_GAPS = 20
"""Rows of the gap table."""

_Entries = Mapping[str, Any]
"""Journal entries of one round: kind -> payload."""


def summarise(workspace: Workspace, run_id: str) -> dict[str, Any]:
    """Return what a run came to so far; unfinished runs too.

    Args:
        workspace: Where the run is kept.
        run_id: A run's id, its only prefix, or `last`.

    Returns:
        Design section 7's keys (`run_id`, `stop_reason`, `rounds`, `final`, `baseline`, `frozen`, `spent`,
        `report_path`) and more. Figures that are not measured yet are None; `stop_reason` of an unfinished run
        is its status; `stopped` is one that was killed.

    Raises:
        SetupError: No such run.
    """
    run = workspace.runs.get(run_id)
    journal = workspace.journal.rounds(run.id)
    start = journal.get(0, {})
    end = start.get("end") or {}
    session = Session(workspace, run.id, run.spec)
    arms = read_final_arms(workspace, run.id)
    begun = {index: entries for index, entries in journal.items() if index > 0 and "protocol" in entries}
    standing = workspace.standing(run)
    seconds = seconds_by_round(workspace.events.tree(run.id))
    return {
        "run_id": run.id,
        "status": standing,
        "stop_reason": end.get("stop_reason") or standing,
        "stop_detail": end.get("stop_detail") or run.stop_reason,
        **_asked(run),
        "rounds": [_round(session, index, entries, seconds.get(index, 0.0)) for index, entries in begun.items()],
        "final": _figures(_final(start, begun)),
        "baseline": _figures(start.get("baseline")),
        "frozen": _figures(start.get("frozen")),
        "over_baseline": as_json(compare_overall(session, arms)),
        "planted_gap": as_json(compare_planted_gap(session, arms)) if arms else None,
        "gaps": _gaps(session, journal, arms),
        "spent": _spent(workspace, run.id),
        "test": start.get("test"),
        "report_path": str(workspace.folder / "runs" / run.id / "report.html"),
    }


def read_final_arms(workspace: Workspace, run_id: str) -> dict[str, list[str]]:
    """Return the trial ids of `baseline` and `incumbent` as the run left them; empty before a first judgement."""
    ended = workspace.journal.read(run_id, 0, "final_arms")
    if ended is not None:
        return dict(ended)
    judged = [entries["arms"] for entries in workspace.journal.rounds(run_id).values() if "arms" in entries]
    return dict(judged[-1]) if judged else {}


def seconds_by_round(roots: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Return how long the steps of each round took, from the trace; waiting for a person does not count."""
    spent: dict[int, float] = {}
    for event in roots:
        index = _round_of(event)
        if index is not None:
            spent[index] = spent.get(index, 0.0) + _own_seconds(event)
    return {index: round(seconds, 2) for index, seconds in spent.items()}


def _round_of(event: Mapping[str, Any]) -> int | None:
    """Which round an event of the trace's first level belongs to; the judge names it, the planner is told it.

    What is done once per run (statistics, captions, the baseline) is round 0.
    """
    if event["kind"] == "judge":
        return int(str(event["name"]).rpartition(" ")[2])
    if any(_is_preparation(child) for child in event["children"]):
        return 0
    given = event.get("input")
    return int(given["round"]) if isinstance(given, Mapping) and "round" in given else None


def _is_preparation(call: Mapping[str, Any]) -> bool:
    arguments = call["input"] if isinstance(call["input"], Mapping) else {}
    return call["name"] in {"dataset_statistics", "caption_images"} or arguments.get("arm") == "baseline"


def _own_seconds(event: Mapping[str, Any]) -> float:
    children = [child for child in event["children"] if child["kind"] not in NESTED_KINDS | {"approval"}]
    return float(event["seconds"] or 0.0) + sum(_own_seconds(child) for child in children)


def _asked(run: Run) -> dict[str, Any]:
    spec = run.spec
    return {
        "goal": spec.goal.text,
        "data": spec.data,
        "planner": spec.planner,
        "backbone": spec.backbone,
        "weights": spec.weights,
        "regime": spec.regime,
        "seeds": spec.seeds,
        "budget": as_json(spec.budget),
    }


def _round(session: Session, index: int, entries: _Entries, seconds: float) -> dict[str, Any]:
    decision, protocol = entries.get("decision"), entries["protocol"]
    targeted = decision["targeted"] if decision else None
    return {
        "index": index,
        "judged": decision is not None,
        "kept": bool(decision and decision["kept"]),
        "reason": decision["reason"] if decision else "not judged",
        "images": _images(session, index, entries),
        "recall_at_1": _change(decision["overall"]) if decision else None,
        "gap_recall_at_1": _change(targeted) | {"queries": targeted["queries"]} if targeted else None,
        "over_baseline": _change(decision["over_baseline"]) if decision else None,
        "seeds": decision["overall"]["seeds"] if decision else session.spec.seeds,
        "queries": decision["overall"]["queries"] if decision else 0,
        "seconds": seconds,
        "critique": entries.get("critique"),
        "protocol": {
            "id": protocol["id"],
            "objective": protocol["objective"],
            "reason": protocol["reason"],
            "expected_gain": protocol["expected_gain"],
            "cells": [request["cell"] | {"count": request["count"]} for request in protocol["cells"]],
        },
    }


def _images(session: Session, index: int, entries: _Entries) -> dict[str, Any]:
    """Count a round's images as they were when it was measured; what a person changed after that stands apart."""
    found = snapshot_verdicts(session, index)
    kept = sum(verdict.kept for verdict in found.verdicts)
    return {
        "made": len(set(entries.get("candidates") or [])),
        "kept": kept,
        "rejected": len(found.verdicts) - kept,
        "rejected_by": dict(Counter(verdict.filter for verdict in found.verdicts if not verdict.kept)),
        **found.since,
    }


def _change(comparison: Mapping[str, Any]) -> dict[str, Any]:
    return {key: comparison[key] for key in ("before", "after", "gain", "low", "high", "p_value")}


def _final(start: _Entries, begun: Mapping[int, _Entries]) -> Any | None:
    """Return the measurement of the incumbent: that of the last kept round, else the baseline's."""
    kept = [entries["candidate"] for entries in begun.values() if (entries.get("decision") or {}).get("kept")]
    return kept[-1] if kept else start.get("baseline")


def _figures(measurement: Any | None) -> dict[str, Any] | None:
    if measurement is None:
        return None
    wanted = ("recall_at", "map_at_r", "r_precision", "queries", "left_out")
    return {key: measurement[key] for key in wanted}


def _gaps(session: Session, journal: Mapping[int, _Entries], arms: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return the gaps that the first round found, with what became of them."""
    found: list[Any] = next(
        (entries["gaps"] for index, entries in journal.items() if index > 0 and "gaps" in entries), []
    )
    gaps = from_json(tuple[Gap, ...], found[:MOST_GAPS])
    targeted = _targeted(journal)
    rows = compare_gaps(session, arms, gaps)
    return [row | {"targeted": targeted.get((row["class"], row["facet"], row["value"]), [])} for row in rows]


def _targeted(journal: Mapping[int, _Entries]) -> dict[tuple[str, str, str], list[int]]:
    """Return which rounds made images for which cell."""
    rounds: dict[tuple[str, str, str], list[int]] = {}
    for index, entries in journal.items():
        for request in entries.get("protocol", {}).get("cells", []):
            cell = request["cell"]
            rounds.setdefault((cell["class_name"], cell["facet"], cell["value"]), []).append(index)
    return rounds


def _spent(workspace: Workspace, run_id: str) -> dict[str, Any]:
    spent = workspace.ledger.spent(run_id)
    return {
        "images": int(spent["images"]),
        "tokens": int(spent["tokens"]),
        "usd": round(spent["usd"], 6),
        "seconds": round(spent["seconds"], 2),
    }
