"""`atlantis effect`: what each group of a round's images did to retrieval."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def effect(
    run_name: options.RunName,
    round_index: Annotated[
        int | None,
        typer.Option("--round", min=1, help="The round; default: the newest that was kept, else trained."),
    ] = None,
    groups: Annotated[
        int, typer.Option(min=1, help="Leave out at most this many groups in turn; each costs one training.")
    ] = 12,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Measure what groups of a round's images did.

    It trains without each group in turn (all images of the round, one generator, one facet value, one class, one
    cell), with the seed that never judges, and compares on validation. Stored with the run; see also
    `atlantis trace RUN --image ID`.

    Example: atlantis effect last --groups 6
    """
    from atlantis_dml.app.effect import measure_run_effects
    from atlantis_dml.views.effects import show_effects

    found = measure_run_effects(run_name, round_index, groups, workspace)
    print_json(found) if as_json else show_effects(found)
