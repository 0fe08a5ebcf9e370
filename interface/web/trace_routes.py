"""What the trace page asks for: the tree without its bulk, one step in full, and a search."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from atlantis_core.base.errors import NotThere
from atlantis_core.base.text import clean
from atlantis_dml.text.figures import duration
from atlantis_dml.text.steps import gist_of, lines_of, title_of
from atlantis_dml.views.trace import cost_of, took, walk
from atlantis_dml.web.candidate_facts import facts_of

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

_LONGEST_GIST = 200


def add_trace_routes(router: APIRouter, site: Site) -> None:
    """Add the routes of one run's trace."""

    @router.get("/runs/{run_id}/trace")
    def trace(run_id: str, words: Annotated[str, Query(max_length=200)] = "", seen: str = "") -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        stamp = "-".join(map(str, site.workspace.events.stamp([run.id])))
        if stamp == seen:  # a page asks every other second: all prompts are read only where something happened
            return {"run": run.id, "stamp": stamp}
        tree = [node | {"step": step} for step, node in enumerate(site.workspace.events.tree(run.id), start=1)]
        wanted = _plain(words)
        found = [node["id"] for node in walk(tree) if wanted and wanted in _plain(_whole(node))]
        return {
            "run": run.id,
            "stamp": stamp,
            "took": duration(sum(took(node) or 0.0 for node in tree)),
            "steps": [_outline(node) for node in tree],
            "found": found,
        }

    @router.get("/runs/{run_id}/trace/{event}")
    def step(run_id: str, event: int) -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        for node in walk(site.workspace.events.tree(run.id)):
            if node["id"] == event:
                return {key: node[key] for key in node if key != "children"}
        raise NotThere(f"run {run.id!r} has no event {event}")

    @router.get("/runs/{run_id}/made/{key}")
    def made(run_id: str, key: str) -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        row = next((row for row in site.look(run.id).rows if row.candidate.key == key), None)
        if row is None:
            raise NotThere(f"run {run.id!r} made no image {key[:40]!r}")
        return {"event": step_that_made(site.workspace.events.tree(run.id), row.round), "image": facts_of(row)}


def step_that_made(tree: Sequence[Mapping[str, Any]], round_index: int) -> int | None:
    """Return the id of the tool call that made a round's images, the last one if there were several."""
    calls = [
        child["id"]
        for node in tree
        if isinstance(node["input"], Mapping) and node["input"].get("round") == round_index
        for child in node["children"]
        if child["name"] == "generate_images"
    ]
    return calls[-1] if calls else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _whole(node: Mapping[str, Any]) -> str:
    """Return all that is searched: what is told of a step here and by `atlantis trace`, and what is recorded."""
    recorded = (json.dumps(node[key], ensure_ascii=False) for key in ("input", "output"))
    return "\n".join([_title(node), gist_of(node), *lines_of(node, whole=True), *recorded])


def _title(node: Mapping[str, Any]) -> str:
    tokens, usd = cost_of(node)
    return title_of({**node, "took": took(node), "tokens": tokens, "usd": usd})


def _outline(node: Mapping[str, Any]) -> dict[str, Any]:
    tokens, usd = cost_of(node)
    return {
        "id": node["id"],
        "kind": node["kind"],
        "title": clean(_title(node), _LONGEST_GIST),
        "gist": clean(gist_of(node), _LONGEST_GIST),
        "status": node["status"],
        "tokens": tokens,
        "usd": usd,
        "children": [_outline(child) for child in node["children"]],
    }
