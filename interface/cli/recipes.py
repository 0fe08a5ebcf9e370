"""`atlantis recipes`: compares recipes on held-out training images."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.app.recipes import compare
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command("backbone weights regime label split facets")
def recipes(
    *,
    data: options.Data,
    preset: Annotated[
        list[str] | None,
        typer.Option(help="A recipe to compare, as for `atlantis train`; repeat it. Default: six of them."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    given: RunOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Compare recipes on a part of the training split of DATA that is held out.

    The best has the highest mean less the spread of its seeds. Validation and test images are not used.

    Example: atlantis recipes photos/ --preset cpu --preset full
    """
    from atlantis_core.run.recipes.candidates import list_candidates

    request = build_request(data, replace(given, seeds=seeds, seed=seed), workspace)
    found = compare(request, preset or list_candidates(given.regime), workspace)
    print_json(found) if as_json else _show(found)


def _show(found: dict[str, Any]) -> None:
    from atlantis_core.base.text import clean_text, format_figure
    from atlantis_dml.text.figures import format_duration
    from atlantis_dml.views.tables import build_table, stdout_console

    rows = [
        (
            row["preset"],
            ", ".join(map(format_figure, row["recalls"])),
            format_figure(row["mean"]),
            format_figure(row["sd"]),
            format_figure(row["score"]),
            format_duration(row["seconds"]),
        )
        for row in found["recipes"]
    ]
    headers = ("recipe", "R@1 of each seed", "mean", "sd", "score", "took")
    stdout_console().print(build_table(headers, rows, right=(2, 3, 4, 5)))
    typer.echo(f"On {found['queries']} {found['held_out']}, searching the other {found['trained_on']}")
    for row in found["recipes"]:
        if row["error"]:
            typer.echo(clean_text(f"{row['preset']} diverged: {row['error']}", 500))
    if found["best"]:
        typer.echo(clean_text(f"best: --preset '{found['best']}'", 500))
