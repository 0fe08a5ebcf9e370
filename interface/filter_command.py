"""`atlantis filter`: which made images belong to their classes, from embeddings alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_dml import options
from atlantis_dml.answering import answering, say, show_json

if TYPE_CHECKING:
    from atlantis_core.filtering.embedded import Embedded, Sorted

_SHOWN = 10


def filter_embeddings(
    real: Annotated[
        Path,
        typer.Argument(
            metavar="REAL.npz", help="Real images: `embeddings` (N, D) and `labels` (N), numbers or names."
        ),
    ],
    synthetic: Annotated[Path, typer.Argument(metavar="SYNTH.npz", help="Made images, by the same model.")],
    scorer: Annotated[
        str,
        typer.Option(
            "--scorer",
            metavar="auto|centre_ratio|margin|knn|lof|isolation",
            help="auto: as many as the released rule (centre_ratio) keeps, but those nearest their own class.",
        ),
    ] = "auto",
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Reject scores above this; else the scorer's own.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Say which of the made images in SYNTH.npz belong to their classes; higher scores are worse.

    Example: atlantis filter real.npz synthetic.npz --json
    """
    with answering(as_json):
        from atlantis_core.filtering.embedded import read_embedded

        found = filtered(read_embedded(real), read_embedded(synthetic), scorer, threshold)
        show_json(found) if as_json else _show(found)


def filtered(real: Embedded, made: Embedded, scorer: str, threshold: float | None) -> dict[str, Any]:
    """Judge the made images.

    Raises:
        SetupError: No such scorer, or a threshold below 0 or infinite.
        ToolError: Made images of a class without real ones, or too few real ones for the scorer.
    """
    from atlantis_core.errors import SetupError
    from atlantis_core.filtering.embedded import sort_out

    if threshold is not None and not 0 <= threshold < float("inf"):
        raise SetupError(f"threshold {threshold} is not a number from 0 up")
    return _facts(sort_out(real, made, scorer, threshold))


def _facts(found: Sorted) -> dict[str, Any]:
    import numpy as np

    rejected = [
        {
            "index": index,
            "reason": f"outlier: {found.scorer} {found.scores[index]:.3f} is above {found.threshold:.4g}",
            "score": float(found.scores[index]),
        }
        for index in np.flatnonzero(~found.kept).tolist()
    ]
    own = found.nearest_own
    return {
        "scorer": found.scorer,
        "threshold": found.threshold,
        "counts": {"made": len(own), "kept": int(found.kept.sum()), "rejected": len(rejected)},
        "nearest_own_class": {"made": _share(own), "kept": _share(own[found.kept])},
        "kept": np.flatnonzero(found.kept).tolist(),
        "rejected": rejected,
        "notes": list(found.remarks),
    }


def _share(flags: Any) -> float | None:
    return float(flags.mean()) if len(flags) else None


def _show(found: dict[str, Any]) -> None:
    counts, own = found["counts"], found["nearest_own_class"]
    for note in found["notes"]:
        say(note)
    typer.echo(
        f"kept {counts['kept']} of {counts['made']} made images: {found['scorer']} at most {found['threshold']:.4g}"
    )
    if own["kept"] is not None:
        typer.echo(
            "nearest the real centre of their own class: "
            f"{own['made']:.1%} of the made images, {own['kept']:.1%} of the kept"
        )
    worst = sorted(found["rejected"], key=lambda one: -one["score"])[:_SHOWN]
    if worst:
        listed = ", ".join(f"{one['index']} ({one['score']:.3f})" for one in worst)
        typer.echo(f"worst rejected, by index: {listed}")
    typer.echo("all indices, reasons and scores: --json")
