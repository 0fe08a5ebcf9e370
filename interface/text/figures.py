"""Figures in words: the same on the terminal and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlantis_core.base.plural import count_noun

Facts = Mapping[str, Any]


def write_headline(summary: Facts) -> str:
    """Say in one sentence what a run gained over its baseline, also when that is nothing."""
    if summary["status"] != "done":
        return f"Not finished: the run is {_STATUS_WORDS.get(summary['status'], summary['status'])}."
    rounds = summary["rounds"]
    kept = sum(entry["kept"] for entry in rounds)
    if summary["baseline"] is None:
        return f"The run ended before its baseline was measured: {summary['stop_detail']}."
    bar = f"{summary['baseline']['recall_at']['1']:.3f}"
    if not kept:
        return f"Nothing was gained: {_describe_no_gain(summary)}, so the final model is the baseline (R@1 {bar})."
    final = f"{summary['final']['recall_at']['1']:.3f}"
    return (
        f"R@1 {_direction_verb(summary['over_baseline'])} from {bar} to {final} over "
        f"{summary['final']['queries']:,} held-out queries: {format_gain(summary['over_baseline'])} over the "
        f"baseline; {kept} of {count_noun(len(rounds), 'round')} kept. "
        "What to keep was chosen on these queries: `atlantis test` gives the figure that was not."
    )


def _describe_no_gain(summary: Facts) -> str:
    """Say what came of the rounds where none was kept; with none judged, why the run ended is the reason."""
    rounds, why = summary["rounds"], str(summary["stop_detail"]).rstrip(".")
    if not any(entry["judged"] for entry in rounds):
        return f"no round was {'judged' if rounds else 'made'} ({why})"
    return (
        f"none of {len(rounds)} rounds was proven better"
        if len(rounds) > 1
        else "its one round was not proven better"
    )


_STATUS_WORDS = {
    "running": "still running",
    "waiting": "waiting for a person's approval",
    "paused": "paused",
    "failed": "ended by an error",
    "stopped": "stopped (its process is gone; `atlantis resume` goes on with it)",
}


def format_gain(change: Facts | None) -> str:
    """Return a gain in points of Recall@1 with its 95 % interval."""
    if change is not None and change["low"] == change["high"] == 0:
        return "the same model"
    return "not measured" if change is None else format_bare_gain(change).replace(" (", " points (")


def format_bare_gain(change: Facts) -> str:
    """Return the same for tables whose heading says that it is in points."""
    gain, low, high = (100 * change[key] for key in ("gain", "low", "high"))
    return f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"


def list_training_overlap(found: Facts) -> list[str]:
    """Say where a model was asked about what it was trained on, or that nobody here knows."""
    known = found["trained_on"]
    if known is None:
        told = "this workspace knows no training of it (--workspace names another)"
        return [f"Not known: whether it was trained on these photos; {told}"] if found["training"] else []
    lines = []
    if known["queries"]:
        share = f"{known['queries']} of {known['of_queries']} queries are photos"
        lines.append(f"Flattered: {share} that it was trained on")
    if found["regime"] == "unseen" and known["classes"]:
        share = f"{known['classes']} of the {known['of_classes']} classes asked for"
        lines.append(f"Flattered: {share} were trained on, so this is no measure of unseen ones")
    return lines


def format_duration(seconds: float | None) -> str:
    """Return seconds as people say them."""
    if seconds is None:
        return "..."
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_cell(cell: Facts) -> str:
    """Return `class, facet=value`, or the class alone. Takes gap rows and cells of protocols."""
    name = str(cell.get("class", cell.get("class_name")))
    return f"{name}, {cell['facet']}={cell['value']}" if cell["facet"] else name


def _direction_verb(change: Facts | None) -> str:
    if change is None or change["low"] > 0:
        return "rose"
    return "fell" if change["high"] < 0 else "went, within its uncertainty,"
