"""`atlantis label`: asks a person about photos of a pool; the answers are kept for runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, say
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command("pool questions preset backbone weights regime label split facets")
def label(
    *,
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|DATA",
            help="A run with a pool (its id, its first characters, or `last`), or a collection with --pool FOLDER.",
            show_default=False,
        ),
    ],
    given: RunOptions,
    who: Annotated[
        str | None, typer.Option(help="Your name, kept with each answer; default: this computer's user.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write the kept answers there, for --answers; ask nothing."),
    ] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the questions and the kept answers as one JSON object; ask nothing.")
    ] = False,
) -> None:
    """Name photos of a pool that the model is in doubt about, most telling first.

    Each question has a contact sheet, written as an image file. Answers are kept in the workspace at once, so you can
    stop and go on at any time; runs over the same pool use them (remedy ask_labels). The page Label of
    `atlantis serve` asks the same questions.

    Example: atlantis label photos/ --pool unsorted/
    """
    from atlantis_core.run.labelling import Labelling
    from atlantis_dml.app.label import (
        ask_in_terminal,
        export_answers,
        list_questions,
        name_person,
        open_labelling_session,
    )
    from atlantis_dml.app.progress import open_stderr_screen

    request = build_request(target, replace(given, auto=False), workspace)
    with open_stderr_screen() as screen:
        labelling = Labelling(open_labelling_session(target, request, workspace, screen), who or name_person())
        if export is not None:
            say(f"{export_answers(labelling, export)} answers written to {export}")
            return
        if as_json:
            print_json(list_questions(labelling))
            return
        _ = labelling.questions
    ask_in_terminal(labelling)
