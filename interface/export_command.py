"""`atlantis export`: a trained retriever, or the images that a run made and kept, as a folder for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_core.errors import SetupError
from atlantis_core.wording import counted
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
    images: Annotated[
        bool,
        typer.Option(
            "--images",
            help="Write the images that the run MODEL made and kept instead: an imagefolder with metadata.csv and a "
            "data card.",
        ),
    ] = False,
    rolled_back: Annotated[
        bool,
        typer.Option("--rolled-back", help="With --images: also those that passed in rounds that were not kept."),
    ] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Write MODEL to DIR: weights, what they are (JSON), a model card; `load_retriever(DIR)` reads it anywhere.

    Example: atlantis export last my-retriever --onnx, or: atlantis export last my-images --images
    """
    with answering(as_json):
        found = exported(model, folder, workspace, onnx=onnx, images=images, rolled_back=rolled_back)
        show_json(found) if as_json else (_show_images if images else _show)(found, workspace)


def exported(
    model: str,
    folder: Path,
    workspace: Path | None,
    *,
    onnx: bool = False,
    images: bool = False,
    rolled_back: bool = False,
) -> dict[str, Any]:
    """Find MODEL and export it, or the images of the run that it names.

    Raises:
        SetupError: Anything a person must mend.
    """
    if images:
        if onnx:
            raise SetupError("--onnx writes a model and --images writes images; export them one after the other")
        return _images_of(model, folder, workspace, rolled_back)
    if rolled_back:
        raise SetupError("--rolled-back says which images; it goes with --images")
    return _model(model, folder, workspace, onnx)


def _images_of(run_name: str, folder: Path, workspace: Path | None, rolled_back: bool) -> dict[str, Any]:
    from atlantis_core.exporting.dataset import export_images
    from atlantis_core.exporting.writing import check_free
    from atlantis_dml.assembly import open_existing, session_of
    from atlantis_dml.progress import screen_on_stderr

    check_free(folder)
    store = open_existing(workspace)
    run = store.runs.get(run_name)
    with screen_on_stderr() as screen:
        session = session_of(store, run, screen)
        return export_images(session, folder, rolled_back=rolled_back, progress=screen.progress)


def _model(model: str, folder: Path, workspace: Path | None, onnx: bool) -> dict[str, Any]:
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


def _show(found: dict[str, Any], workspace: Path | None) -> None:
    from atlantis_core.data.text import clean
    from atlantis_dml.reproducing import shell_line

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
    # The workspace knows what the model was trained on, which the folder does not tell.
    typer.echo(clean(f"next: {shell_line(('evaluate', found['folder'], 'DATA'), {'--workspace': workspace})}", 2000))


def _show_images(found: dict[str, Any], workspace: Path | None) -> None:
    from atlantis_core.data.text import clean
    from atlantis_core.data.typed_columns import typed
    from atlantis_dml.reproducing import shell_line

    size, facets = found["bytes"] / 1e6, ",".join(map(typed, found["facets"]))
    then = shell_line(("diagnose", found["folder"]), {"--facets": facets or None, "--workspace": workspace})
    rounds = ", ".join(
        f"round {row['index']} ({row['outcome']}): {row['exported']} of {row['made']} made" for row in found["rounds"]
    )
    for line in (
        f"{found['folder']}: {counted(found['images'], 'image')} of "
        f"{counted(found['classes'], 'class', 'classes')} ({size:.1f} MB); {rounds}",
        f"next: {then}",
    ):
        typer.echo(clean(line, 2000))
    known = "; ".join(f"{name}: {licence or 'licence unknown'}" for name, licence in found["weights"].items())
    say(f"no licence is chosen ({known or 'no weights drew them'}): name yours in README.md")


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
    return f"Recall@1 on validation, with 95 % Wilson intervals: {', '.join(told)}"
