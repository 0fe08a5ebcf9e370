"""`atlantis diagnose`: shows what a collection contains and where retrieval fails on it."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command("backbone weights captioner base_url budget_usd price preset regime label split query gallery facets")
def diagnose(
    *,
    data: options.Data,
    untrained: Annotated[
        bool, typer.Option("--frozen", help="Measure the untrained backbone; otherwise a baseline is trained first.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="List at most this many gaps.")] = 20,
    given: RunOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Show what DATA contains and where retrieval fails on it.

    No image is generated.

    Example: atlantis diagnose photos/ --query visit=2
    """
    from atlantis_dml.app.diagnose import diagnose_data
    from atlantis_dml.views.measurements import show_diagnosis

    found = diagnose_data(build_request(data, given, workspace), workspace, untrained=untrained, top=top)
    print_json(found) if as_json else show_diagnosis(found)
