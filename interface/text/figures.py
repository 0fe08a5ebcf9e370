"""Words for figures, shared by the terminal, the pages and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import format_figure

Facts = Mapping[str, Any]


def write_headline(summary: Facts) -> str:
    """Return one sentence on what a run gained over its baseline, including no gain."""
    if summary["status"] != "done":
        return f"Not finished. The run is {_STATUS_WORDS.get(summary['status'], summary['status'])}."
    rounds = summary["rounds"]
    kept = sum(entry["kept"] for entry in rounds)
    if summary["baseline"] is None:
        return f"The run ended before its baseline was measured: {summary['stop_detail']}."
    bar = format_figure(summary["baseline"]["recall_at"]["1"])
    if summary.get("stop_reason") == "diagnosed":
        return f"A trained model has R@1 {bar}. It ended as asked: {summary['stop_detail']}."
    if not kept:
        return f"No gain: {_describe_no_gain(summary)}, so the final model is the baseline (R@1 {bar})."
    final, change = format_figure(summary["final"]["recall_at"]["1"]), summary["over_baseline"]
    moved = "rose" if change is None or change["low"] > 0 else "did not change significantly,"
    if change is not None and change["high"] < 0:
        moved = "fell"
    return (
        f"R@1 {moved} from {bar} to {final} over "
        f"{summary['final']['queries']:,} held-out queries: {format_gain(change)} over the "
        f"baseline; {kept} of {count_noun(len(rounds), 'round')} kept. "
        "These queries also decided which rounds were kept; `atlantis test` measures on unseen images."
    )


def _describe_no_gain(summary: Facts) -> str:
    """Say why no round was kept; if none was judged, why the run ended."""
    rounds, why = summary["rounds"], str(summary["stop_detail"]).rstrip(".")
    if not any(entry["judged"] for entry in rounds):
        return f"no round was {'judged' if rounds else 'started'} ({why})"
    return (
        f"none of the {len(rounds)} rounds was a proven improvement"
        if len(rounds) > 1
        else "the only round was not a proven improvement"
    )


_STATUS_WORDS = {
    "running": "still running",
    "waiting": "waiting for approval",
    "paused": "paused",
    "failed": "stopped by an error",
    "stopped": "stopped (its process is gone; `atlantis resume` continues it)",
}


def format_gain(change: Facts | None) -> str:
    """Return a gain in points of Recall@1 with its 95 % interval."""
    return "not measured" if change is None else format_bare_gain(change).replace(" (", " points (")


ARM_NAMES = {
    "frozen": "Frozen",
    "baseline": "Baseline",
    "without_images": "Best without images",
    "loop": "The loop",
}
"""Arm of a summary's `arms` -> its name in tables."""


def list_arm_rows(arms: Sequence[Facts]) -> list[tuple[str, str, str, str, str]]:
    """Return the cells of the table of frozen, baseline, best without images and loop.

    They are: name, R@1 with its interval, gain over the baseline in points, trainings, and what it is.
    """
    return [(ARM_NAMES[row["arm"]], _format_recall(row), _format_arm_gain(row), *_describe_arm(row)) for row in arms]


def _format_recall(row: Facts) -> str:
    return "" if row["recall_at_1"] is None else f"{row['recall_at_1']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _format_arm_gain(row: Facts) -> str:
    if row["gain"] is None:
        return ""
    return format_bare_gain({"gain": row["gain"], "low": row["gain_low"], "high": row["gain_high"]})


def _describe_arm(row: Facts) -> tuple[str, str]:
    return "" if row["recall_at_1"] is None else str(row["trainings"]), row["what"]


ARM_HEADERS = ("Model", "R@1 (95 %)", "Gain over the baseline", "Trainings", "What it is")
"""Of `list_arm_rows`."""
ARM_NOTE = (
    "R@1 on validation with its interval over the queries, mean over that many trainings. Gains are in points, "
    "paired over queries and seeds. A pilot may have other seeds, so its gain may not be the difference of two lines."
)
"""Below that table."""
RECIPE_HEADERS = ("Recipe", "R@1 of each seed", "Mean", "Spread", "Score", "A training", "The run", "")
"""Of `list_recipe_rows`."""


def list_recipe_rows(choice: Facts) -> list[tuple[str, ...]]:
    """Return the cells of the table of the recipes that were compared, the best first."""
    return [
        (
            row["preset"],
            ", ".join(map(format_figure, row["recalls"])),
            *("" if row[name] is None else format_figure(row[name]) for name in ("mean", "sd", "score")),
            *(
                "" if row[name] is None else format_duration(row[name])
                for name in ("training_seconds", "run_seconds")
            ),
            "chosen" if row["preset"] == choice["preset"] else row["note"],
        )
        for row in choice["tried"]
    ]


def format_bare_gain(change: Facts) -> str:
    """Return the same without the unit, for tables whose heading names it."""
    if change["low"] == change["high"] == 0:
        return "the same model"
    gain, low, high = (100 * change[key] for key in ("gain", "low", "high"))
    return f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"


def list_training_overlap(found: Facts) -> list[str]:
    """Return warnings about queries or classes that a model was trained on, or that its training is unknown."""
    known = found["trained_on"]
    if known is None:
        warning = (
            "Unknown whether the model was trained on these images: this workspace has no record of its training "
            "(--workspace names another)"
        )
        return [warning] if found["training"] else []
    lines = []
    if known["queries"]:
        share = f"{known['queries']} of {known['of_queries']} queries are images"
        lines.append(f"Too optimistic: {share} that the model was trained on")
    if found["regime"] == "unseen" and known["classes"]:
        share = f"{known['classes']} of the {known['of_classes']} query classes"
        lines.append(f"Too optimistic: the model was trained on {share}, so this does not measure unseen classes")
    return lines


def format_duration(seconds: float | None) -> str:
    """Return seconds in the units people use."""
    if seconds is None:
        return "..."
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_cell(cell: Facts) -> str:
    """Return `class, facet=value`, or the class alone, of a gap row or a protocol's cell."""
    name = str(cell.get("class", cell.get("class_name")))
    return f"{name}, {cell['facet']}={cell['value']}" if cell["facet"] else name
