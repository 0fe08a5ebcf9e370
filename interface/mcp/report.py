"""The tool that shows what a run came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_types import CallToolResult

from atlantis_core.base.text import quote
from atlantis_core.chat.status_lines import describe_gaps
from atlantis_dml.mcp.parameters import Caller, RunId, find_desk, give_answer, quote_line
from atlantis_dml.text.figures import ARM_NAMES, format_gain, write_headline

_LEFT_OUT = frozenset({"gaps", "gap_maps", "recipe", "memory", "frozen"})
_LEFT_OUT_OF_ROUNDS = frozenset({"pilots", "critique"})


def report(context: Caller, run: RunId) -> CallToolResult:
    """Show what a run came to: headline, models compared, every round with its verdict, cost. Writes report.html.

    Of a run that was only to diagnose it also lists the worst gaps.
    """
    from atlantis_dml.report.report import write_report

    site = find_desk(context).site
    summary = write_report(site.workspace, run)
    gaps = describe_gaps(site.load_run(run).session) if summary["stop_reason"] == "diagnosed" else []
    lines = [*_describe_summary(summary), *(f"gaps: {quote_line(line)}" for line in gaps)]
    return give_answer(lines, _shorten_summary(summary) | ({"worst_gaps": gaps} if gaps else {}))


def _shorten_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `atlantis report --json` that fits a conversation, under the same keys."""
    rounds = [{key: entry[key] for key in entry if key not in _LEFT_OUT_OF_ROUNDS} for entry in summary["rounds"]]
    short = {key: summary[key] for key in summary if key not in _LEFT_OUT}
    return short | {"headline": write_headline(summary), "rounds": rounds}


def _describe_summary(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"run {summary['run_id']}: {summary['status']}, goal {quote(summary['goal'])}"
    yield write_headline(summary)
    for arm in summary["arms"]:
        if arm["recall_at_1"] is not None:
            yield f"{ARM_NAMES[arm['arm']]}: R@1 {arm['recall_at_1']:.3f} ({arm['low']:.3f}-{arm['high']:.3f})"
    for entry in summary["rounds"]:
        images = entry["images"]
        yield (
            f"round {entry['index']} {'kept' if entry['kept'] else 'not kept'}: {quote_line(entry['reason'])}; "
            f"{images['made']} images generated, {images['kept']} kept; overall {format_gain(entry['recall_at_1'])}"
        )
    spent = summary["spent"]
    yield f"spent: {spent['images']:g} images, {spent['seconds']:.0f} s of work, ${spent['usd']:.2f}"
    yield f"ended because: {quote_line(str(summary['stop_detail'] or summary['stop_reason']))}"
    yield f"report: {summary['report_path']}"
