"""`atlantis record`: writes the answers of a run to a file, for `atlantis run --replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def record(
    run_name: options.RunName,
    file: Annotated[Path, typer.Argument(help="Where to write; a new JSON file.", show_default=False)],
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write the answers of a run's chat models and person to a file.

    `atlantis run --replay FILE` repeats the run with them, without a key.

    Example: atlantis record last night.recording.json
    """
    from atlantis_dml.app.record import write_run_recording

    answers = write_run_recording(run_name, file, workspace)
    if as_json:
        print_json({"recording": str(file), "answers": answers})
    else:
        say(f"{answers} answers recorded; replay them with: atlantis run --replay {file}")
