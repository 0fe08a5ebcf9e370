"""The tool that finds the images that are most like a query image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.filters import parse_filters
from atlantis_dml.app.search import SearchQuery, query_index, read_query_image
from atlantis_dml.mcp.desk import McpDesk
from atlantis_dml.mcp.parameters import Caller, find_desk, give_answer, quote_line


def search(
    context: Caller,
    image: Annotated[str, Field(description="Path of the query image, or the id of an image of the run.")],
    index: Annotated[str, Field(description="An index of `atlantis index`; or name a run.")] = "",
    run: Annotated[str, Field(description="A run, whose model then searches its own collection.")] = "",
    model: Annotated[Literal["before", "after"] | None, Field(description="Of the run; default: its best.")] = None,
    top: Annotated[int, Field(ge=1, le=100)] = 10,
    where: Annotated[
        list[str] | None, Field(description="Only images with this COLUMN=VALUE, such as split=train.")
    ] = None,
) -> CallToolResult:
    """Show the images that are most like a query image, in an index or by the model of a run."""
    if bool(index) == bool(run):
        raise SetupError("name either an index or a run to search with")
    desk = find_desk(context)
    if index:
        if model is not None:
            raise SetupError("model has no effect with an index; leave it out")
        found = _search_index(desk, image, index, top, where or [])
    else:
        found = _search_run(desk, image, run, model, top, where or [])
    lines = [
        f"{place}. {quote_line(hit['label'])} {hit['score']:.3f} {quote_line(hit['path'])}"
        for place, hit in enumerate(found["results"], start=1)
    ]
    return give_answer([f"{found['score']} of the nearest images:", *lines], found)


def _search_index(desk: McpDesk, image: str, index: str, top: int, where: Sequence[str]) -> dict[str, Any]:
    found = query_index(index, SearchQuery(Path(image), None, top, parse_filters(list(where))), desk.folder)
    results = [
        {"id": hit["id"], "label": hit["label"], "path": hit["path"], "score": hit["distance"]}
        for hit in found["results"]
    ]
    return {"index": found["index"], "score": f"{found['distance']} distance (lower is nearer)", "results": results}


def _search_run(
    desk: McpDesk, image: str, run: str, model: str | None, top: int, where: Sequence[str]
) -> dict[str, Any]:
    site = desk.site
    models = site.list_models(run)
    name = model or ("after" if "after" in models else "before")
    query = Path(site.load_run(run).paths.get(image, image)).expanduser()
    read_query_image(query)
    near = site.search_model(run, name).nearest_to([query], top + 1, parse_filters(list(where)))[0]
    results = [
        {"id": one.image.id, "label": one.image.label, "path": one.image.path, "score": one.nearness}
        for one in near
        if one.image.id != image
    ]
    return {
        "run": site.workspace.runs.get(run).id,
        "model": name,
        "score": "nearness (higher is nearer)",
        "results": results[:top],
    }
