"""`atlantis search`: the images of an index that are most like an image or a text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def search(
    index_name: options.IndexName,
    image: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="An image to search with.", show_default=False)
    ] = None,
    text: Annotated[str | None, typer.Option(help="Search with words instead, in an index of a clip: model.")] = None,
    top: Annotated[int, typer.Option(help="Results, at most 1000.")] = 10,
    where: options.Filters = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every image instead of using the approximate index.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="The index's model, if it was moved.")] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Show the images in INDEX that are most like IMAGE.

    Example: atlantis search photos query.jpg --top 5 --where lighting=night
    """
    from atlantis_core.searching.filters import parse_filters
    from atlantis_dml.app.search import SearchQuery, query_index
    from atlantis_dml.views.search import show_hits

    query = SearchQuery(image, text, top, parse_filters(where or []), exact)
    found = query_index(index_name, query, workspace, model)
    print_json(found) if as_json else show_hits(found)
