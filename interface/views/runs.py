"""Runs on the terminal: one run's outcome, and the list of runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.run.verdicts import describe_overrides
from atlantis_dml.text.command_lines import build_command_on_run
from atlantis_dml.text.figures import (
    ARM_HEADERS,
    RECIPE_HEADERS,
    format_bare_gain,
    format_duration,
    list_arm_rows,
    list_recipe_rows,
    write_headline,
)
from atlantis_dml.text.pilot_groups import build_group_table
from atlantis_dml.views.tables import build_table, clean_cell, stdout_console

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from atlantis_core.store.runs import Run

_MOST_GROUPS = 3
"""Groups of gaps that fit a terminal; the report shows more."""


def show_run(summary: Mapping[str, Any], folder: Path) -> None:
    """Print the result of a run on stdout."""
    console = stdout_console()
    console.print(clean_cell(write_headline(summary)), soft_wrap=True)
    console.print(build_table(ARM_HEADERS, list_arm_rows(summary["arms"]), right=(3,)))
    if summary["recipe"]:
        console.print(clean_cell(f"Chosen before the baseline: {summary['recipe']['sentence']}"), soft_wrap=True)
        console.print(build_table(RECIPE_HEADERS, list_recipe_rows(summary["recipe"]), right=(2, 3, 4, 5, 6)))
    if summary["rounds"]:
        console.print(_rounds(summary["rounds"]))
    for entry in summary["rounds"]:
        if entry["pilots"]:
            console.print(f"Remedies tried in round {entry['index']}, gain on the targeted cells in points:")
            console.print(_pilots(entry))
            groups = build_group_table(entry["pilots"], _MOST_GROUPS)
            if groups.columns:
                console.print("The same by group of gaps, with the images kept there:")
                console.print(build_table(("remedy", *groups.columns), groups.rows))
            if forecast := entry["answer_forecast"]:
                console.print(f"ask_labels: {forecast['sentence']}", soft_wrap=True)
    spent = summary["spent"]
    changed = [(entry["index"], describe_overrides(entry["images"])) for entry in summary["rounds"]]
    lines = [f"Images of round {index}: {text}" for index, text in changed if text]
    if attack := summary.get("attack"):
        lines.append(f"The queries are attacked ({attack}); the reason of a round says what clean ones lose")
    if memory := summary.get("memory"):
        lines.append(f"Memory: {memory['sentence']}")
    lines.append(f"Ended because: {summary['stop_detail']} ({summary['stop_reason']})")
    paid = f"{spent['tokens']:,} tokens, ${spent['usd']:.2f}" if spent["tokens"] or spent["usd"] else "no tokens"
    lines += [
        f"Spent: {count_noun(spent['images'], 'image')}, {format_duration(spent['seconds'])} of work, {paid}",
        f"Report: {summary['report_path']}",
        f"Trace:  {build_command_on_run('trace', summary['run_id'], folder)}",
    ]
    for line in lines:
        console.print(clean_cell(line), soft_wrap=True)


def show_runs(runs: Sequence[tuple[Run, str]]) -> None:
    """Print runs with their status on stdout, newest first."""
    rows = [
        (
            run.id,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created)),
            f"{status}: {run.stop_reason}" if run.stop_reason else status,
            run.spec.data,
            run.spec.goal.text,
        )
        for run, status in runs
    ]
    stdout_console().print(build_table(("run", "started", "status", "data", "goal"), rows))


def _pilots(entry: Mapping[str, Any]) -> Table:
    """Return the table of the remedies that were tried in small in a round; the one that it used is marked."""
    rows = [
        (
            "*" if pilot["remedy"] == entry["protocol"]["remedy"] else "",
            pilot["remedy"],
            format_bare_gain(pilot) if pilot["gain"] is not None else f"not tried: {pilot['failure']}",
            format_bare_gain(pilot["others"]) if pilot.get("others") else "",
            f"{pilot['kept']} of {pilot['images']}" if pilot["images"] else "",
            format_duration(pilot["seconds"]),
        )
        for pilot in entry["pilots"]
    ]
    return build_table(("used", "remedy", "gain", "other queries", "images kept", "time"), rows, right=(5,))


def _rounds(rounds: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            str(entry["index"]),
            "kept" if entry["kept"] else "rolled back" if entry["judged"] else "not judged",
            f"{change['before']:.3f} -> {change['after']:.3f}" if change else "",
            format_bare_gain(change) if change else "",
            format_bare_gain(entry["gap_recall_at_1"]) if entry["gap_recall_at_1"] else "",
            f"{entry['images']['made']}/{entry['images']['kept']}/{entry['images']['rejected']}",
            format_duration(entry["seconds"]),
        )
        for entry, change in ((entry, entry["recall_at_1"]) for entry in rounds)
    ]
    headers = ("round", "", "R@1", "gain overall", "gain on targeted cells", "generated/kept/rejected", "time")
    return build_table(headers, rows, right=(0, 6))
