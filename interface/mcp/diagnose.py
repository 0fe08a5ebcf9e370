"""The tool that shows what a collection contains and where search fails on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from atlantis_core.base.text import format_figure, quote
from atlantis_dml.app.diagnose import diagnose_data
from atlantis_dml.mcp.parameters import Caller, Data, find_desk, give_answer, quote_line
from atlantis_dml.mcp.progress import work_in_thread
from atlantis_dml.text.figures import format_cell
from atlantis_dml.web.live_conversation import QuietScreen

_MOST_FINDINGS, _MOST_CONFUSIONS = 8, 8
_GAP_KEYS = (
    "class",
    "facet",
    "value",
    "support",
    "typical_support",
    "recall_at_1",
    "low",
    "high",
    "queries",
    "cause",
)
_COUNTS = ("classes", "train", "validation", "test")


async def diagnose(
    context: Caller,
    data: Data,
    top: Annotated[int, Field(ge=1, le=50, description="Gaps to list.")] = 10,
    train: Annotated[bool, Field(description="False measures the untrained backbone, in seconds.")] = True,
) -> CallToolResult:
    """Show what a collection contains and where image search fails on it; no image is generated, nothing is approved.

    It trains one baseline, which takes from seconds to minutes. Its forecast says what a run here could prove.
    """
    desk, screen = find_desk(context), QuietScreen()
    request = desk.build_request(data)
    found = await work_in_thread(
        context,
        screen,
        lambda: diagnose_data(request, desk.folder, untrained=not train, top=top, screen=screen),
    )
    return give_answer(_describe_diagnosis(found), _shorten_diagnosis(found))


def _shorten_diagnosis(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of `atlantis diagnose --json` that fits a conversation, under the same keys."""
    kept = ("collection", "facets", "backbone", "model", "forecast", "seconds")
    measured = found["measurement"]
    return {key: found[key] for key in kept} | {
        "counts": {key: found["counts"][key] for key in _COUNTS},
        "problems": len(found["problems"]),
        "measurement": {key: measured[key] for key in ("recall_at", "map_at_r", "queries", "left_out")},
        "findings": [group["sentence"] for group in found["findings"][:_MOST_FINDINGS]],
        "gaps": [{key: gap[key] for key in _GAP_KEYS} for gap in found["gaps"]],
        "confusions": found["confusions"][:_MOST_CONFUSIONS],
    }


def _describe_diagnosis(found: Mapping[str, Any]) -> Iterator[str]:
    counts, measured = found["counts"], found["measurement"]
    yield f"{quote(found['collection'])}: " + ", ".join(f"{key} {counts[key]}" for key in _COUNTS)
    yield f"facets: {', '.join(map(quote, found['facets'])) or 'none'}"
    yield (
        f"{found['model']}, backbone {found['backbone']}: R@1 {format_figure(measured['recall_at']['1'])}, "
        f"MAP@R {format_figure(measured['map_at_r'])} over {measured['queries']} queries"
    )
    if found["forecast"]:
        yield f"forecast: {found['forecast']['sentence']}"
    for group in found["findings"][:_MOST_FINDINGS]:
        yield f"finding: {quote_line(group['sentence'])}"
    for gap in found["gaps"]:
        yield (
            f"gap: {quote_line(format_cell(gap))}: {gap['cause']}, {gap['support']} training images, "
            f"R@1 {gap['recall_at_1']:.2f} ({gap['low']:.2f}-{gap['high']:.2f}) over {gap['queries']} queries"
        )
    if not found["gaps"]:
        yield "no gap: no cell is worse than expected"
