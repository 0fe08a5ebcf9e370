"""`atlantis export`: a trained retriever as a folder to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml import options
from atlantis_dml.answering import answering, say, show_json


def export(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A run (its final model), a trial, a checkpoint, a file, a timm name."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write model.onnx, checked against torch.")] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write MODEL to DIR: safetensors, its description as JSON, a model card, and ONNX if asked.

    Example: atlantis export last my-retriever --onnx
    """
    with answering(as_json):
        from atlantis_core.exporting.bundle import export_retriever
        from atlantis_dml.retrievers import locate

        found = export_retriever(locate(model, workspace), folder, onnx=onnx)
        if as_json:
            show_json({"folder": str(found.folder), "files": found.files, "onnx_differs": found.onnx_differs})
            return
        say(f"{found.folder}: {', '.join(found.files)}")
        if found.onnx_differs is not None:
            say(f"model.onnx and torch differ by {found.onnx_differs:.1e} at most")
        typer.echo(f"next: load_retriever({str(found.folder)!r}).embed(['photo.jpg'])")
