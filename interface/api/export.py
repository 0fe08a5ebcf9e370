"""`atlantis export` as a function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_dml.api.argument_types import Where, as_folder, checked

if TYPE_CHECKING:
    pass


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
    """Write a model to a new folder: safetensors, facts as JSON, a model card and, where asked for, an ONNX graph.

    With `images`, the made images that a run kept instead: an imagefolder with metadata and a data card.

    Args:
        model: See `load_retriever`; this reads the folder too.
        folder: Must not be there yet, or be empty.
        onnx: Also write `model.onnx`, checked to embed like torch to 1e-4.
        images: `model` names a run; write the images of its kept rounds.
        rolled_back: With `images`, also those that passed the filters in rounds that were not kept.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis export --json` prints: `folder`, `files`, `distance`, `dims`, `figures`, `onnx` and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_dml.app.export import export_by_name

    return export_by_name(
        str(model), Path(folder), as_folder(workspace), onnx=onnx, images=images, rolled_back=rolled_back
    )
