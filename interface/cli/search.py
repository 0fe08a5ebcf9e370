"""`atlantis index`, `search`, `indexes` and `unindex`: image search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, report_errors
from atlantis_dml.app.setup import parse_regime
from atlantis_dml.cli import evaluate_options, options

IndexName = Annotated[
    str, typer.Argument(metavar="INDEX", help="An index's name (`atlantis indexes`) or folder.", show_default=False)
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COL=V",
        help="Only images with this label, split, role or facet (`atlantis index` lists them); again for another "
        r"column, or another value (\= within COL).",
    ),
]


def index(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="As `atlantis evaluate` takes it, or clip:NAME, which knows words."),
    ],
    data: options.Data,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the index; else made of DATA's name and the model's address.")
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Also into an index that holds another collection.")] = False,
    split: Annotated[
        str, typer.Option("--split", metavar="A,B", help="Which images; the test split is sealed and never indexed.")
    ] = "train,validation",
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="A Chroma server; else the index is a folder of the workspace."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Measure afterwards how many of the truly nearest are found.")
    ] = True,
    regime: options.RegimeName = "seen",
    label: options.LabelColumn = None,
    split_column: Annotated[
        str | None, typer.Option("--split-column", metavar="COL", help="Metadata column with train/validation/test.")
    ] = None,
    facets: options.FacetColumns = None,
    embedding: evaluate_options.Embedding = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Make DATA searchable by MODEL; images that are in the index are skipped, so it may be cut off and run again.

    Example: atlantis index last photos/ --name photos
    """
    with report_errors(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_dml.app.search import IndexRequest, build_index
        from atlantis_dml.views.search import show_indexed

        asked = IndexRequest(
            model,
            data,
            ReadOptions(label, split_column, options.parse_columns(facets, "--facets")),
            parse_regime(regime),
            name,
            tuple(part.strip() for part in split.split(",") if part.strip()),
            server or "",
            embedding,
            add=add,
            check=check,
        )
        found = build_index(asked, workspace)
        print_json(found) if as_json else show_indexed(found, workspace)


def search(
    index_name: IndexName,
    image: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="A picture to find the like of.", show_default=False)
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Ask in words instead; for an index of a clip: model.")
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Hits, at most 1000.")] = 10,
    where: Filters = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Compare with every image instead of walking the graph.")
    ] = False,
    model: Annotated[str | None, typer.Option("--model", help="The model of the index, where it was moved.")] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Show the images in INDEX most like IMAGE, nearest first.

    Example: atlantis search photos query.jpg --top 5 --where lighting=night
    """
    with report_errors(as_json):
        from atlantis_core.searching.filters import parse_filters
        from atlantis_dml.app.search import SearchQuery, query_index
        from atlantis_dml.views.search import show_hits

        query = SearchQuery(image, text, top, parse_filters(where or []), exact)
        found = query_index(index_name, query, workspace, model)
        print_json(found) if as_json else show_hits(found)


def indexes(workspace: options.WorkspaceFolder = None, as_json: options.Json = False) -> None:
    """List the indexes of the workspace.

    Example: atlantis indexes
    """
    with report_errors(as_json):
        from atlantis_dml.app.search import describe_indexes
        from atlantis_dml.views.search import show_indexes

        found = describe_indexes(workspace)
        print_json(found) if as_json else show_indexes(found)


def unindex(
    index_name: IndexName,
    image_ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="An image's id, as `atlantis search` tells it.")
    ] = None,
    where: Filters = None,
    everything: Annotated[bool, typer.Option("--everything", help="Take the whole index away.")] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Take images out of INDEX; the files stay.

    Example: atlantis unindex photos --where split=validation
    """
    with report_errors(as_json):
        from atlantis_core.searching.filters import parse_filters
        from atlantis_dml.app.search import remove_from_index
        from atlantis_dml.views.search import show_removed

        found = remove_from_index(
            index_name, image_ids or [], parse_filters(where or []), workspace, everything=everything
        )
        print_json(found) if as_json else show_removed(found)
