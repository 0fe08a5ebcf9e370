"""`atlantis export` as a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlantis_dml.api.argument_types import Where, as_folder, checked


@checked
def export(
    model: Where,
    folder: Where,
    *,
    onnx: bool = False,
    images: bool = False,
    rolled_back: bool = False,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Write a model to a new folder: safetensors, facts as JSON, a model card and, with `onnx`, an ONNX graph.

    With `images`, write the synthetic images that a run kept instead: an imagefolder with metadata and a data card.

    Args:
        model: See `load_retriever`, which can load the result.
        folder: A new or empty folder.
        onnx: Also write `model.onnx`, and check that its embeddings equal torch's to 1e-4.
        images: Write the images of the kept rounds of the run that `model` names.
        rolled_back: With `images`, also the images that passed the filters in rounds that were not kept.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis export --json` prints: `folder`, `files`, `distance`, `dims`, `figures`, `onnx` and more.

    Raises:
        SetupError: A setting, the model or the data has to be fixed.
    """
    from atlantis_dml.app.export import export_by_name

    return export_by_name(
        str(model), Path(folder), as_folder(workspace), onnx=onnx, images=images, rolled_back=rolled_back
    )
