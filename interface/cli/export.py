"""`atlantis export`: writes a trained retriever, or the synthetic images of a run, to a folder for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_core.base.plural import count_noun
from atlantis_dml.app.export import export_by_name
from atlantis_dml.app.output import print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run (its final model), a trial, a checkpoint, a safetensors file or a timm name."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also write model.onnx, and check that its embeddings equal torch's to 1e-4."),
    ] = False,
    images: Annotated[
        bool,
        typer.Option(
            "--images",
            help="Write the synthetic images that the run MODEL kept instead: an imagefolder with metadata.csv and a "
            "data card.",
        ),
    ] = False,
    rolled_back: Annotated[
        bool,
        typer.Option(
            "--rolled-back",
            help="With --images: also the images that passed the filters in rounds that were not kept.",
        ),
    ] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write MODEL, or the images of a run, to the folder DIR.

    A model is its weights, a description (JSON) and a model card; `load_retriever(DIR)` loads it anywhere.

    Example: atlantis export last my-retriever --onnx, or: atlantis export last my-images --images
    """
    found = export_by_name(model, folder, workspace, onnx=onnx, images=images, rolled_back=rolled_back)
    print_json(found) if as_json else (_show_images if images else _show)(found, workspace)


def _show(found: dict[str, Any], workspace: Path | None) -> None:
    from atlantis_core.base.text import clean_text
    from atlantis_dml.text.command_lines import join_shell_line

    size = sum(file["bytes"] for file in found["files"]) / 1e6
    names = ", ".join(file["name"] for file in found["files"])
    for line in (
        f"{found['folder']}: {names} ({size:.1f} MB)",
        f"{found['architecture']}: {found['dims']} dimensions, searched by {found['distance']} distance",
        _describe_onnx_check(found["onnx"]),
        _format_figures(found["figures"]),
    ):
        if line:
            typer.echo(clean_text(line, 2000))
    say(found["license_note"])
    # The workspace records what the model was trained on; the folder does not.
    then = join_shell_line(("evaluate", found["folder"], "DATA"), {"--workspace": workspace})
    typer.echo(clean_text(f"next: {then}", 2000))


def _show_images(found: dict[str, Any], workspace: Path | None) -> None:
    from atlantis_core.base.text import clean_text
    from atlantis_core.data.column_syntax import format_column
    from atlantis_dml.text.command_lines import join_shell_line

    size, facets = found["bytes"] / 1e6, ",".join(map(format_column, found["facets"]))
    then = join_shell_line(("diagnose", found["folder"]), {"--facets": facets or None, "--workspace": workspace})
    rounds = ", ".join(
        f"round {row['index']} ({row['outcome']}): {row['exported']} of {row['made']} generated"
        for row in found["rounds"]
    )
    for line in (
        f"{found['folder']}: {count_noun(found['images'], 'image')} of "
        f"{count_noun(found['classes'], 'class', 'classes')} ({size:.1f} MB); {rounds}",
        f"next: {then}",
    ):
        typer.echo(clean_text(line, 2000))
    known = "; ".join(f"{name}: {licence or 'licence unknown'}" for name, licence in found["weights"].items())
    say(f"no licence is chosen ({known or 'no weights generated them'}): name yours in README.md")


def _describe_onnx_check(onnx: dict[str, Any] | None) -> str:
    if onnx is None:
        return ""
    if not onnx["checked"]:
        return "model.onnx was not compared with torch: install what that needs with pip install 'atlantis-dml[onnx]'"
    return (
        f"model.onnx equals torch within {onnx['largest_difference']:.1e} on {onnx['random_images']} "
        f"random and {onnx['pictures']} real images"
    )


def _format_figures(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "this workspace has no figures of it, as the card says"
    figures = (
        f"{row['name']} {at_1['value']:.3f} ({at_1['low']:.3f} to {at_1['high']:.3f})" if at_1 else f"{row['name']} -"
        for row, at_1 in ((row, row["recall_at_1"]) for row in rows)
    )
    return f"Recall@1 on validation, with 95 % Wilson intervals: {', '.join(figures)}"
