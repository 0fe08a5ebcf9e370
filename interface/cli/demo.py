"""`atlantis demo`: the whole loop on a bundled collection, offline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from atlantis_dml.app.output import print_json, say
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command

if TYPE_CHECKING:
    from pathlib import Path

GOAL = "find where retrieval fails and fix it"
DATA = "harbor"
BUDGET_IMAGES = 400
GENERATOR = "diffusion:harbor"
CAPTIONER = "transformers:harbor"
ROUNDS = 2
SEEDS = 2


@command()
def demo(
    generator: Annotated[str, options.SHARED["generator"]] = GENERATOR,
    captioner: Annotated[str, options.SHARED["captioner"]] = CAPTIONER,
    trace: options.Trace = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Run the whole loop on a bundled collection.

    It has a planted gap, and needs no download, no key, and minutes on 2 cores. A bundled diffusion pipeline
    generates images and a bundled captioner checks them, with the same code that runs SDXL and BLIP.
    `--generator photometric` edits photos instead.

    Example: atlantis demo
    """
    from atlantis_dml.app.demo import describe_duration
    from atlantis_dml.cli.drive import start_run
    from atlantis_dml.tracing.live import read_target_option

    started, target = time.monotonic(), read_target_option(trace)
    say("the demo collection: vessels by day, at night, in fog, sunset, storm and snow, with one planted gap")
    if (generator, captioner) == (GENERATOR, CAPTIONER):
        say(describe_duration())
    given = RunOptions(
        budget_images=BUDGET_IMAGES,
        rounds=ROUNDS,
        captioner=captioner,
        generator=generator,
        seeds=SEEDS,
        max_seeds=SEEDS,
        auto=True,
        memory=False,
    )
    summary, folder = start_run(build_request(DATA, given, workspace, GOAL), workspace, target, as_json)
    summary["demo_seconds"] = round(time.monotonic() - started, 1)
    print_json(summary) if as_json else show_demo(summary, folder)


def show_demo(summary: Mapping[str, Any], folder: Path) -> None:
    """Print the table that the demo ends with, and the next commands."""
    from atlantis_dml.text.command_lines import build_command_on_run
    from atlantis_dml.text.figures import format_gain
    from atlantis_dml.views.runs import show_run
    from atlantis_dml.views.tables import build_table, stdout_console

    show_run(summary, folder)
    rows = [
        (name, str(change["queries"]), f"{change['before']:.3f}", f"{change['after']:.3f}", format_gain(change))
        for name, change in (("all", summary["over_baseline"]), ("planted gap", summary["planted_gap"]))
        if change
    ]
    console, headers = stdout_console(), ("R@1 on", "queries", "before", "after", "gain (95 % interval)")
    console.print(build_table(headers, rows, right=(1, 2, 3)))
    console.print(f"The demo took {summary['demo_seconds']:.0f} s. What next:", markup=False)
    test = build_command_on_run("test", summary["run_id"], folder)
    for line in (
        f"  {test}      the same figures on the sealed test split, once",
        '  atlantis run PHOTOS --goal "night photos are not found"      the same on your own folder',
    ):
        console.print(line, markup=False, soft_wrap=True)
