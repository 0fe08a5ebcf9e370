"""The tool that shows what happened in a run, and where a synthetic image came from."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.views.image_trace import trace_image
from atlantis_dml.mcp.desk import McpDesk
from atlantis_dml.mcp.parameters import Caller, RunId, find_desk, give_answer, quote_line
from atlantis_dml.text.steps import describe_step, format_title, summarise_step
from atlantis_dml.views.effects import describe_image_trace
from atlantis_dml.views.trace import build_trace
from atlantis_dml.views.trace_search import find_steps, title_step

_MOST_STEPS = 80


def trace(
    context: Caller,
    run: RunId,
    words: Annotated[str, Field(max_length=200, description="Only steps that contain these words.")] = "",
    step: Annotated[int | None, Field(ge=1, description="Only this step, in full.")] = None,
    image: Annotated[
        str, Field(description="A synthetic image, by its key or the beginning of it: origin, verdicts, use.")
    ] = "",
) -> CallToolResult:
    """Show what happened in a run: an outline of its steps, steps that contain some words, one step, or one image."""
    if bool(words) + (step is not None) + bool(image) > 1:
        raise SetupError("name one of words, step and image")
    desk = find_desk(context)
    stored = desk.site.workspace.runs.get(run)
    if image:
        return _trace_image(desk, stored.id, image)
    return _trace_step(desk, stored.id, step) if step is not None else _trace_outline(desk, stored.id, words)


def _trace_image(desk: McpDesk, run: str, prefix: str) -> CallToolResult:
    found = as_json(trace_image(desk.site.load_run(run).session, prefix))
    return give_answer(map(quote_line, describe_image_trace(found)), {"run_id": run} | found)


def _trace_step(desk: McpDesk, run: str, step: int) -> CallToolResult:
    found = build_trace(desk.site.workspace, run, step)
    return give_answer([format_title(found), *map(quote_line, describe_step(found, whole=True))], found)


def _trace_outline(desk: McpDesk, run: str, words: str) -> CallToolResult:
    tree = [node | {"step": step} for step, node in enumerate(desk.site.workspace.events.tree(run), start=1)]
    nodes = find_steps(tree, words) if words else tree
    steps = [{"title": title_step(node), "outcome": summarise_step(node)} for node in nodes[:_MOST_STEPS]]
    lines = [f"{one['title']}: {quote_line(one['outcome'])}" for one in steps]
    more = len(nodes) - len(steps)
    lines += [f"and {more} more; search for words"] if more else []
    return give_answer(lines or ["no step contains these words"], {"run_id": run, "steps": steps, "more": more})
