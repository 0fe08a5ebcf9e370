"""`atlantis filter`: keeps the synthetic images that belong to their classes, by embeddings alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_dml.app.filter import filter_synthetic
from atlantis_dml.app.output import print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command

_SHOWN = 10


@command()
def filter_embeddings(
    real: Annotated[
        Path,
        typer.Argument(
            metavar="REAL.npz", help="Real images: `embeddings` (N, D) and `labels` (N), numbers or names."
        ),
    ],
    synthetic: Annotated[
        Path, typer.Argument(metavar="SYNTH.npz", help="Synthetic images, embedded by the same model.")
    ],
    scorer: Annotated[
        str,
        typer.Option(
            metavar="auto|centre_ratio|margin|knn|lof|isolation|risk",
            help="auto: keep about as many as the released rule (centre_ratio), those nearest their own class. "
            "risk: learn from held-out real images which set helps them to be found; may keep nothing.",
        ),
    ] = "auto",
    threshold: Annotated[
        float | None, typer.Option(help="Reject scores above this; default: the scorer's own.")
    ] = None,
    quota: Annotated[
        int | None, typer.Option(help="Keep at most this many images of a class, those that represent the others.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Filter synthetic images by their embeddings.

    It says which images in SYNTH.npz belong to their classes; higher scores are worse.

    Example: atlantis filter real.npz synthetic.npz --json
    """
    from atlantis_core.filtering.embedding_files import read_embedding_file

    found = filter_synthetic(read_embedding_file(real), read_embedding_file(synthetic), scorer, threshold, quota)
    print_json(found) if as_json else _show(found)


def _show(found: dict[str, Any]) -> None:
    counts, own = found["counts"], found["nearest_own_class"]
    for note in found["notes"]:
        say(note)
    typer.echo(
        f"kept {counts['kept']} of {counts['made']} images: {found['scorer']} at most {found['threshold']:.4g}"
    )
    if own["kept"] is not None:
        typer.echo(
            "nearest to the real centre of their own class: "
            f"{own['made']:.1%} of the synthetic images, {own['kept']:.1%} of the kept ones"
        )
    worst = sorted(found["rejected"], key=lambda one: -one["score"])[:_SHOWN]
    if worst:
        listed = ", ".join(f"{one['index']} ({one['score']:.3f})" for one in worst)
        typer.echo(f"worst rejected, by index: {listed}")
    typer.echo("--json prints all indices, reasons and scores")
