"""`atlantis train`: trains a retriever without the loop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_dml.app.output import print_json, say
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.app.train import apply_settings, is_follower, train_trials
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command("backbone weights regime label split query gallery facets")
def train(
    *,
    data: options.Data,
    preset: Annotated[str, options.SHARED["preset"]] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SETTING=VALUE", help="Change a setting of the preset; can be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of trainings; their mean and spread are printed.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also export the models to a new folder, as `atlantis export` does."),
    ] = None,
    given: RunOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Train a retriever on DATA and measure it.

    It is trained on the training split and measured on validation; no image is generated.

    Example: atlantis train photos/ --preset full --set steps=300 --seeds 3
    """
    given = replace(given, preset=apply_settings(preset, settings or []), seeds=seeds, seed=seed)
    with _open_folder(workspace) as folder:
        found = train_trials(build_request(data, given, folder), folder, None if is_follower() else out)
    if not is_follower():
        print_json(found) if as_json else _show(found)


@contextmanager
def _open_folder(workspace: Path | None) -> Iterator[Path | None]:
    """Give every process but the first a temporary workspace: one database has one writer."""
    if not is_follower():
        yield workspace
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _show(found: dict[str, Any]) -> None:
    from atlantis_core.base.plural import count_noun
    from atlantis_core.base.text import clean_text, format_figure
    from atlantis_dml.text.figures import format_duration, list_training_overlap
    from atlantis_dml.views.tables import build_table, stdout_console

    frozen = found["frozen"]
    began = "frozen (random weights)" if found["weights"] == "random" else "frozen"
    rows = [(began, "", *_format_figures(frozen), "")]
    for trial in found["trials"]:
        if "error" in trial:
            say(f"seed {trial['seed']} diverged: {trial['error']}")
            continue
        rows.append((trial["id"], str(trial["seed"]), *_format_figures(trial), format_duration(trial["seconds"])))
    stdout_console().print(build_table(("model", "seed", "R@1", "MAP@R", "took"), rows, right=(1, 2, 3, 4)))
    recall = found["recall_at_1"]
    spread = "" if recall["sd"] is None else f" +- {recall['sd']:.3f} (standard deviation over seeds)"
    chosen = " The best weights were chosen on these same queries." if found["chosen_on_queries"] else ""
    typer.echo(f"Recall@1 {format_figure(recall['mean'])}{spread} on {found['queries']} validation queries.{chosen}")
    if found["left_out"]:
        without = count_noun(found["left_out"], "validation query", "validation queries")
        typer.echo(f"Left out of all figures, for want of a positive in the gallery: {without}")
    for line in list_training_overlap(found):
        typer.echo(line)
    for exported in (trial["exported"] for trial in found["trials"] if "exported" in trial):
        typer.echo(clean_text(f"exported to {exported}", 2000))
    typer.echo(clean_text(f"next: {found['next']}", 2000))


def _format_figures(measured: dict[str, Any]) -> tuple[str, str]:
    """Return Recall@1 and MAP@R."""
    from atlantis_core.base.text import format_figure

    return format_figure(measured["recall_at"]["1"]), format_figure(measured["map_at_r"])
