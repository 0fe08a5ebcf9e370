"""What the trace page asks for: the tree without its bulk, one step in full, and a search."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from atlantis_core.data.text import clean
from atlantis_core.errors import SetupError
from atlantis_dml.step_words import title_of
from atlantis_dml.trace_view import cost_of, took, walk
from atlantis_dml.web.candidate_facts import facts_of
from atlantis_dml.wording import duration

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
        tree = site.workspace.events.tree(run.id)
        wanted = words.casefold().strip()
        found = [node["id"] for node in walk(tree) if wanted and wanted in _whole(node).casefold()]
        return {
            "run": run.id,
            "stamp": stamp,
            "took": duration(sum(took(node) or 0.0 for node in tree)),
            "steps": [_outline(node, step) for step, node in enumerate(tree, start=1)],
            "found": found,
        }

    @router.get("/runs/{run_id}/trace/{event}")
    def step(run_id: str, event: int) -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        for node in walk(site.workspace.events.tree(run.id)):
            if node["id"] == event:
                return {key: node[key] for key in node if key != "children"}
        raise SetupError(f"run {run.id!r} has no event {event}")

    @router.get("/runs/{run_id}/made/{key}")
    def made(run_id: str, key: str) -> dict[str, Any]:
        run = site.workspace.runs.get(run_id)
        row = next((row for row in site.look(run.id).rows if row.candidate.key == key), None)
        if row is None:
            raise SetupError(f"run {run.id!r} made no image {key[:40]!r}")
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


def _whole(node: Mapping[str, Any]) -> str:
    given, output = (json.dumps(node[key], ensure_ascii=False) for key in ("input", "output"))
    return f"{node['kind']} {node['name']} {given} {output}"


def _outline(node: Mapping[str, Any], step: int | None = None) -> dict[str, Any]:
    tokens, usd = cost_of(node)
    facts = {**node, "took": took(node), "tokens": tokens, "usd": usd} | ({"step": step} if step else {})
    return {
        "id": node["id"],
        "kind": node["kind"],
        "title": clean(title_of(facts), _LONGEST_GIST),
        "gist": clean(_gist(node["output"]), _LONGEST_GIST),
        "status": node["status"],
        "tokens": tokens,
        "usd": usd,
        "children": [_outline(child) for child in node["children"]],
    }


def _gist(output: Any) -> str:
    """Return one line of what came out."""
    if isinstance(output, Mapping) and "reason" in output and "calls" in output:
        called = ", ".join(str(call["name"]) for call in output["calls"])
        return f"calls {called or 'nothing'}: {output['reason']}"
    if isinstance(output, Mapping):
        for key in ("text", "reason", "finding"):
            if isinstance(output.get(key), str):
                return str(output[key])
        return ""
    return output if isinstance(output, str) else ""
