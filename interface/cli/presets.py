"""`atlantis presets`: the recipes that `--preset` accepts."""

from __future__ import annotations

import typer

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def presets(as_json: options.Json = False) -> None:
    """List the recipes that --preset accepts, with their settings."""
    from atlantis_core.base.serialization import as_json as plain
    from atlantis_core.learning.training.presets import PRESETS
    from atlantis_dml.views.tables import build_table, stdout_console

    found = {name: plain(recipe) for name, recipe in PRESETS.items()}
    if as_json:
        print_json(found)
        return
    names = list(found)
    values = {setting: [f"{found[name][setting]}" for name in names] for setting in found[names[0]]}
    rows = [(setting, *row) for setting, row in values.items() if len(set(row)) > 1]
    stdout_console().print(build_table(("setting", *names), rows, right=()))
    same = [f"{setting}={row[0]}" for setting, row in values.items() if len(set(row)) == 1]
    typer.echo(f"the same in all: {', '.join(same)}")
