"""`atlantis index`, `search`, `indexes` and `unindex`: image search."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.app.request import TaskOptions
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command("regime label split facets", split=options.SPLIT_COLUMN)
def index(
    *,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="As `atlantis evaluate` takes it, or clip:NAME, which knows words."),
    ],
    data: options.Data,
    name: Annotated[
        str | None, typer.Option(help="Of the index; else made of DATA's name and the model's address.")
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Also into an index that holds another collection.")] = False,
    splits: Annotated[
        str, typer.Option("--split", metavar="A,B", help="Which images; the test split is sealed and never indexed.")
    ] = "train,validation",
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A Chroma server; else the index is a folder of the workspace."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Measure afterwards how many of the truly nearest are found.")
    ] = True,
    given: TaskOptions,
    embedding: options.Embedding = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Make DATA searchable by MODEL; images that are in the index are skipped, so it may be cut off and run again.

    Example: atlantis index last photos/ --name photos
    """
    from atlantis_dml.app.index import IndexRequest, build_index
    from atlantis_dml.views.search import show_indexed

    wanted = tuple(part.strip() for part in splits.split(",") if part.strip())
    request = IndexRequest(model, data, given, name, wanted, server or "", embedding, add=add, check=check)
    found = build_index(request, workspace)
    print_json(found) if as_json else show_indexed(found, workspace)
