"""`atlantis index`: makes a collection searchable by a model."""

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
        typer.Argument(
            metavar="MODEL", help="As for `atlantis evaluate`, or clip:NAME, which also searches by words."
        ),
    ],
    data: options.Data,
    name: Annotated[
        str | None, typer.Option(help="Name of the index; default: DATA's name and the model's content hash.")
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Add to an index that contains another collection.")] = False,
    splits: Annotated[
        str, typer.Option("--split", metavar="A,B", help="Which splits; the test split is sealed and never indexed.")
    ] = "train,validation",
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A Chroma server; default: the index is a folder of the workspace."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check", help="Measure afterwards how many of the exact nearest neighbours are found."
        ),
    ] = True,
    given: TaskOptions,
    embedding: options.Embedding = None,
    serving: Annotated[
        str | None,
        typer.Option(
            metavar="PART+PART",
            help="How it is searched, as for `atlantis evaluate`; default: as it was, or as MODEL was exported; an "
            "empty text is the nearest image.",
        ),
    ] = None,
    pool: options.ServingPool = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Make DATA searchable by MODEL.

    Images that are in the index already are skipped, so an interrupted command can be run again.

    Example: atlantis index last photos/ --name photos

    By class means, corrected for hubs: atlantis index last photos/ --serving csls+prototypes --pool unsorted/
    """
    from atlantis_dml.app.index import IndexRequest, build_index
    from atlantis_dml.views.search import show_indexed

    wanted = tuple(part.strip() for part in splits.split(",") if part.strip())
    request = IndexRequest(model, data, given, name, wanted, server or "", embedding, serving, pool, add, check)
    found = build_index(request, workspace)
    print_json(found) if as_json else show_indexed(found, workspace)
