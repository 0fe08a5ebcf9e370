"""`atlantis export`: a trained retriever as a folder for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_dml import options
from atlantis_dml.answering import answering, say, show_json


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A run (its final model), a trial, a checkpoint, a safetensors file, a timm name."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also write model.onnx, and check that it embeds like torch, to 1e-4."),
    ] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write MODEL to DIR: weights, what they are (JSON), a model card; `load_retriever(DIR)` reads it anywhere.

    Example: atlantis export last my-retriever --onnx
    """
    with answering(as_json):
        found = exported(model, folder, workspace, onnx=onnx)
        show_json(found) if as_json else _show(found)


def exported(model: str, folder: Path, workspace: Path | None, *, onnx: bool) -> dict[str, Any]:
    """Find MODEL and export it.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.exporting.evidence import session_of_trial
    from atlantis_core.exporting.onnx_file import require_onnx
    from atlantis_core.exporting.writing import check_free, export
    from atlantis_dml.assembly import open_workspace
    from atlantis_dml.progress import screen_on_stderr
    from atlantis_dml.retrievers import find_model

    check_free(folder)
    if onnx:
        require_onnx()
    found = find_model(model, workspace)
    session = None
    if found.trial_id:
        session = session_of_trial(open_workspace(workspace), found.trial_id, found.run_id)
    with screen_on_stderr() as screen:
        return {"model": model} | export(found, folder, session, onnx=onnx, progress=screen.progress)


def _show(found: dict[str, Any]) -> None:
    from atlantis_core.data.text import clean

    size = sum(file["bytes"] for file in found["files"]) / 1e6
    names = ", ".join(file["name"] for file in found["files"])
    dims, distance = found["dims"], found["distance"]
    for line in (
        f"{found['folder']}: {names} ({size:.1f} MB)",
        f"{found['architecture']}: {dims} numbers a picture, searched by {distance} distance",
        _compared(found["onnx"]),
        _figures(found["figures"]),
    ):
        if line:
            typer.echo(clean(line, 2000))
    say(found["license_note"])
    typer.echo(clean(f"next: atlantis evaluate {found['folder']} DATA", 2000))


def _compared(onnx: dict[str, Any] | None) -> str:
    if onnx is None:
        return ""
    if not onnx["checked"]:
        return "model.onnx was not compared with torch: pip install 'atlantis-dml[onnx]' brings what is needed"
    return (
        f"model.onnx embeds like torch: at most {onnx['largest_difference']:.1e} apart on {onnx['random_images']} "
        f"random and {onnx['pictures']} real pictures"
    )


def _figures(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "no figures of it are kept here; the card says so"
    told = (
        f"{row['name']} {row['recall_at_1']['value']:.3f} "
        f"({row['recall_at_1']['low']:.3f} to {row['recall_at_1']['high']:.3f})"
        for row in rows
    )
    return f"Recall@1 on validation: {', '.join(told)}"
