"""`atlantis demo`: the whole loop on the bundled world, offline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_dml.app.output import print_json, report_errors, say
from atlantis_dml.cli import options, run_options

if TYPE_CHECKING:
    from pathlib import Path

GOAL = "find where retrieval fails and mend it"
DATA = "harbor"
BUDGET_IMAGES = 400
GENERATOR = "diffusion:harbor"
CAPTIONER = "transformers:harbor"
ROUNDS = 2
SEEDS = 2


def demo(
    generator: run_options.GeneratorName = GENERATOR,
    captioner: options.CaptionerName = CAPTIONER,
    trace: run_options.Trace = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Run the whole loop on a bundled collection with a planted gap: no download, no key, minutes on 2 cores.

    A bundled diffusion pipeline draws, a bundled captioner checks what it drew; both run the code that runs SDXL and
    BLIP. `--generator photometric` edits photos instead.

    Example: atlantis demo
    """
    with report_errors(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.records import Budget, Goal, RunSpec
        from atlantis_dml.app.progress import open_stderr_screen
        from atlantis_dml.app.setup import RunRequest, create_run, open_session, open_workspace
        from atlantis_dml.cli.drive import run_until_rest
        from atlantis_dml.tracing.live import live_export, read_target_option

        started, to = time.monotonic(), read_target_option(trace)
        spec = RunSpec(
            "",
            DATA,
            Goal(GOAL),
            Budget(images=BUDGET_IMAGES, rounds=ROUNDS),
            captioner=captioner,
            generator=generator,
            seeds=SEEDS,
            auto=True,
        )
        store, screen = open_workspace(workspace), open_stderr_screen()
        say("the demo world: vessels in day, night, fog, sunset, storm and snow, with one planted gap")
        with screen:
            begun, lines = create_run(RunRequest(DATA, GOAL, ReadOptions(), spec), store, screen.progress)
        for line in [f"run {begun.id} in {store.folder}", *lines]:
            say(line)
        with live_export(store, begun, to, screen.line) as sent:
            summary = run_until_rest(open_session(store, begun, screen), screen, as_json)
        summary |= sent.facts
        summary["demo_seconds"] = round(time.monotonic() - started, 1)
        print_json(summary) if as_json else show_demo(summary, store.folder)


def show_demo(summary: Mapping[str, Any], folder: Path) -> None:
    """Print the table the demo ends with, and what to type next."""
    from atlantis_dml.app.command_lines import build_command_on_run
    from atlantis_dml.text.figures import format_gain
    from atlantis_dml.views.runs import build_table, show_run, stdout_console

    show_run(summary, folder)
    rows = [
        (name, str(change["queries"]), f"{change['before']:.3f}", f"{change['after']:.3f}", format_gain(change))
        for name, change in (("all", summary["over_baseline"]), ("planted gap", summary["planted_gap"]))
        if change
    ]
    console = stdout_console()
    console.print(
        build_table(("R@1 on", "queries", "before", "after", "gain (95 % interval)"), rows, right=(1, 2, 3))
    )
    console.print(f"The demo took {summary['demo_seconds']:.0f} s. What next:", markup=False)
    for line in (
        f"  {build_command_on_run('test', summary['run_id'], folder)}      the same figures "
        "on the sealed test split, once",
        '  atlantis run PHOTOS --goal "night photos are not found"      the same on your own folder',
    ):
        console.print(line, markup=False, soft_wrap=True)
