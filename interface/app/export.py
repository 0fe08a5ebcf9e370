"""Exports a retriever or the kept images of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError


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
    from atlantis_dml.app.progress import screen_on_stderr
    from atlantis_dml.app.setup import open_existing, session_of

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
    from atlantis_dml.app.find_model import find_model
    from atlantis_dml.app.progress import screen_on_stderr
    from atlantis_dml.app.setup import open_workspace

    check_free(folder)
    if onnx:
        require_onnx()
    found = find_model(model, workspace)
    session = None
    if found.trial_id:
        session = session_of_trial(open_workspace(workspace), found.trial_id, found.run_id)
    with screen_on_stderr() as screen:
        return {"model": model} | export(found, folder, session, onnx=onnx, progress=screen.progress)
