"""The trace page: the tree without its bulk, one step in full, and a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from atlantis_core.base.errors import NotFoundError
from atlantis_core.base.text import clean_text
from atlantis_dml.text.figures import format_duration
from atlantis_dml.text.steps import summarise_step
from atlantis_dml.views.trace import sum_cost, total_seconds, walk
from atlantis_dml.views.trace_search import find_steps, title_step
from atlantis_dml.web.images import describe_candidate

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

_LONGEST_GIST = 200


def add_trace_routes(router: APIRouter, site: Site) -> None:
    """Add the routes of one run's trace."""

    @router.get("/runs/{run_id}/trace")
    def trace(run_id: str, words: Annotated[str, Query(max_length=200)] = "", seen: str = "") -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        stamp = "-".join(map(str, site.workspace.events.stamp([run.id])))
        if stamp == seen:  # the page polls every two seconds: read the prompts only if there are new events
            return {"run": run.id, "stamp": stamp}
        tree = [node | {"step": step} for step, node in enumerate(site.workspace.events.tree(run.id), start=1)]
        found = [node["id"] for node in find_steps(tree, words)]
        return {
            "run": run.id,
            "stamp": stamp,
            "took": format_duration(sum(total_seconds(node) or 0.0 for node in tree)),
            "steps": [_outline(node) for node in tree],
            "found": found,
        }

    @router.get("/runs/{run_id}/trace/{event}")
    def step(run_id: str, event: int) -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        for node in walk(site.workspace.events.tree(run.id)):
            if node["id"] == event:
                return {key: node[key] for key in node if key != "children"}
        raise NotFoundError(f"run {run.id!r} has no event {event}")

    @router.get("/runs/{run_id}/made/{key}")
    def made(run_id: str, key: str) -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        row = next((row for row in site.load_run(run.id).rows if row.candidate.key == key), None)
        if row is None:
            raise NotFoundError(f"run {run.id!r} generated no image {key[:40]!r}")
        event = find_generating_step(site.workspace.events.tree(run.id), row.round)
        return {"event": event, "image": describe_candidate(row)}


def find_generating_step(tree: Sequence[Mapping[str, Any]], round_index: int) -> int | None:
    """Return the id of the tool call that generated a round's images; the last one if there are several."""
    calls = [
        child["id"]
        for node in tree
        if isinstance(node["input"], Mapping) and node["input"].get("round") == round_index
        for child in node["children"]
        if child["name"] == "generate_images"
    ]
    return calls[-1] if calls else None


def _outline(node: Mapping[str, Any]) -> dict[str, Any]:
    tokens, usd = sum_cost(node)
    return {
        "id": node["id"],
        "kind": node["kind"],
        "title": clean_text(title_step(node), _LONGEST_GIST),
        "gist": clean_text(summarise_step(node), _LONGEST_GIST),
        "status": node["status"],
        "tokens": tokens,
        "usd": usd,
        "children": [_outline(child) for child in node["children"]],
    }
