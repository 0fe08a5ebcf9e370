"""`atlantis unindex`: takes images out of an index."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def unindex(
    index_name: options.IndexName,
    image_ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="An image's id, as `atlantis search` prints it.")
    ] = None,
    where: options.Filters = None,
    everything: Annotated[bool, typer.Option("--everything", help="Remove the index itself.")] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Remove images from INDEX; the files stay.

    Example: atlantis unindex photos --where split=validation
    """
    from atlantis_core.searching.filters import parse_filters
    from atlantis_dml.app.index import remove_from_index
    from atlantis_dml.views.search import show_removed

    found = remove_from_index(
        index_name, image_ids or [], parse_filters(where or []), workspace, everything=everything
    )
    print_json(found) if as_json else show_removed(found)
