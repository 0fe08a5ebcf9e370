"""The command `atlantis`. Each command is in the file of its name beside this one; nothing heavy is imported here."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

import typer

from atlantis_dml import __version__
from atlantis_dml.app.output import EXIT_INTERRUPTED, EXIT_USER_ERROR, begin_program, print_json, say
from atlantis_dml.cli.chat import chat
from atlantis_dml.cli.command import Command
from atlantis_dml.cli.demo import demo
from atlantis_dml.cli.diagnose import diagnose
from atlantis_dml.cli.doctor import doctor
from atlantis_dml.cli.effect import effect
from atlantis_dml.cli.evaluate import evaluate
from atlantis_dml.cli.export import export
from atlantis_dml.cli.filter import filter_embeddings
from atlantis_dml.cli.import_collection import import_collection
from atlantis_dml.cli.index import index
from atlantis_dml.cli.indexes import indexes
from atlantis_dml.cli.label import label
from atlantis_dml.cli.mcp import mcp
from atlantis_dml.cli.plot import plot
from atlantis_dml.cli.presets import presets
from atlantis_dml.cli.recipes import recipes
from atlantis_dml.cli.record import record
from atlantis_dml.cli.report import report
from atlantis_dml.cli.resume import resume
from atlantis_dml.cli.run import run
from atlantis_dml.cli.runs import runs
from atlantis_dml.cli.scenario import scenario
from atlantis_dml.cli.search import search
from atlantis_dml.cli.serve import serve
from atlantis_dml.cli.test import open_test
from atlantis_dml.cli.trace import trace
from atlantis_dml.cli.train import train
from atlantis_dml.cli.unindex import unindex

_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""The parent of all usage errors, of click or of the copy of click in newer versions of typer."""

app = typer.Typer(
    name="atlantis",
    help="A data engineer for image search: finds where retrieval fails, makes images, keeps what is proven.",
    epilog="Begin with `atlantis demo`. Exit codes: 0 done, 2 something to fix, 3 paused or waiting, 130 Ctrl-C.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _command in (
    *(
        demo,
        run,
        chat,
        serve,
        mcp,
        resume,
        label,
        runs,
        report,
        trace,
        effect,
        record,
        diagnose,
        train,
        presets,
        recipes,
        evaluate,
        export,
    ),
    *(index, search, indexes, unindex),
):
    app.command()(_command)
app.command("test")(open_test)
app.command("import")(import_collection)
app.command("filter")(filter_embeddings)
app.command()(doctor)
app.add_typer(scenario, name="scenario")
app.add_typer(plot, name="plot")
for _typer in (app, scenario, plot):
    for _registered in _typer.registered_commands:
        _registered.cls = Command


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run_as_program() -> None:
    """Run the command line of this process and exit with its code."""
    begin_program()
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if code == EXIT_INTERRUPTED and threading.active_count() > 1:
        os._exit(code)  # a tool's thread may still be busy; every step is saved
    sys.exit(code)


def main(argv: Sequence[str]) -> int:
    """Run one command, given the arguments after the program's name, and return its exit code."""
    try:
        code = app(list(argv), standalone_mode=False)
    except _USAGE_ERROR as error:
        message = getattr(error, "format_message", error.__str__)()
        say(f"{message} (see `atlantis --help`)")
        if "--json" in argv:
            print_json({"error": message})
        return EXIT_USER_ERROR
    except typer.Abort:
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0
