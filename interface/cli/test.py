"""`atlantis test`: measures models on the sealed test split, once, and records that."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from atlantis_dml.app.output import print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def open_test(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|TRIAL...",
            help="A run (its id, its first characters, or `last`), or trials of `atlantis train`: the seeds of one "
            "recipe.",
            show_default=False,
        ),
    ],
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Measure models on the sealed test split, once.

    That it was opened is recorded. Of a run: the frozen, baseline and final model. Of trials: the trained models and
    the frozen backbone, at every K that benchmarks are published with.

    Example: atlantis test last
    """
    from atlantis_dml.app.find_model import is_run_name
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.app.test import measure_run, measure_trials
    from atlantis_dml.report.report import write_report
    from atlantis_dml.views.measurements import show_test, show_trial_test

    if len(names) == 1 and is_run_name(names[0]):
        found = measure_run(names[0], workspace)
        if not found["opened_before"]:
            write_report(open_existing(workspace), found["run_id"])
        say(_describe_opening(f"run {found['run_id']}", found, found))
        print_json(found) if as_json else show_test(found)
    else:
        found = measure_trials(names, workspace)
        for row in found["trials"]:
            say(_describe_opening(f"trial {row['id']}", row, found))
        print_json(found) if as_json else show_trial_test(found)


def _describe_opening(whose: str, row: dict[str, Any], found: dict[str, Any]) -> str:
    """Say that a split is open now or was before; `found` has who else saw its images."""
    if row["opened_before"]:
        when = _format_time(row["opened"][-1])
        return f"the test split of {whose} was opened at {when}; these are the figures from then"
    earlier = [f"opened at {_format_time(one['time'])} too, {one['why']}" for one in row["earlier"]]
    seen = [*earlier, *_describe_others(found)]
    looks = f" ({'; '.join(seen)}, so this is not a first look)" if seen else ""
    return f"the test split of {whose} is open now, once and for all; this is recorded{looks}"


def _describe_others(found: dict[str, Any]) -> list[str]:
    """Say which other run or trial opened the most of the split's images."""
    if not found["seen_images"]:
        return []
    most = max(found["seen_images"], key=lambda run_id: (found["seen_images"][run_id], run_id))
    count, total = found["seen_images"][most], found["images"]
    return [f"{most} opened {'the same split' if count == total else f'{count} of its {total} images'} before"]


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
