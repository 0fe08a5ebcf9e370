"""Exports a retriever, or the kept synthetic images of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import announce


def export_by_name(
    model: str,
    folder: Path,
    workspace: Path | None,
    *,
    onnx: bool = False,
    images: bool = False,
    rolled_back: bool = False,
) -> dict[str, Any]:
    """Export the model, or the images of the run, that MODEL names.

    Raises:
        SetupError: A setting has to be fixed, or MODEL does not exist.
    """
    if images:
        if onnx:
            raise SetupError("--onnx exports a model and --images exports images; use two commands")
        return _export_images(model, folder, workspace, rolled_back)
    if rolled_back:
        raise SetupError("--rolled-back has no effect without --images")
    return _export_model(model, folder, workspace, onnx)


def _export_images(run_name: str, folder: Path, workspace: Path | None, rolled_back: bool) -> dict[str, Any]:
    from atlantis_core.exporting.dataset_export import export_dataset
    from atlantis_core.exporting.model_export import check_destination
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.run import open_session
    from atlantis_dml.app.setup import open_existing

    check_destination(folder)
    announce(f"exporting the images of {run_name}")
    store = open_existing(workspace)
    run = store.runs.get(run_name)
    with open_stderr_screen() as screen:
        session = open_session(store, run, screen)
        return export_dataset(session, folder, rolled_back=rolled_back, progress=screen.progress)


def _export_model(model: str, folder: Path, workspace: Path | None, onnx: bool) -> dict[str, Any]:
    from atlantis_core.exporting.evidence import open_trial_session
    from atlantis_core.exporting.model_export import check_destination, export_model
    from atlantis_core.exporting.onnx_file import require_onnx
    from atlantis_dml.app.find_model import find_model
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.setup import open_workspace

    check_destination(folder)
    if onnx:
        require_onnx()
    announce(f"exporting {model}")
    found = find_model(model, workspace)
    store = open_workspace(workspace)
    session = open_trial_session(store, found.trial_id, found.run_id) if found.trial_id else None
    with open_stderr_screen() as screen:
        return {"model": model} | export_model(found, folder, session, onnx=onnx, progress=screen.progress)
