"""`atlantis diagnose`: what DATA contains and where retrieval fails on it; makes no image."""

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
        bool, typer.Option("--frozen", help="Measure the backbone as it came; without it one baseline is trained.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="How many gaps at most.")] = 20,
    given: RunOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Say what DATA holds and where retrieval fails on it; makes no image.

    Example: atlantis diagnose photos/ --query visit=2
    """
    from atlantis_dml.app.diagnose import diagnose_data
    from atlantis_dml.views.measurements import show_diagnosis

    found = diagnose_data(build_request(data, given, workspace), workspace, untrained=untrained, top=top)
    print_json(found) if as_json else show_diagnosis(found)
