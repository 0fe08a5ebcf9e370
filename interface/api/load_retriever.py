"""A trained model, to embed images with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_dml.api.argument_types import Where, checked

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever


@checked
def load_retriever(model: Where, workspace: Where | None = None, embedding: str | None = None) -> Retriever:
    """Load a retriever to embed images with.

    Args:
        model: A run id (its final model, first judging seed), a trial id, both also by their first characters,
            a checkpoint folder, a safetensors file with its `.json` beside it, or a timm name.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.
        embedding: `head`, or `body` for the unit-length pooled features below it; None takes the one that the model
            was trained for.

    Raises:
        SetupError: There is no such model, or it is damaged.
    """
    from atlantis_dml.app.find_model import find_retriever

    return find_retriever(str(model), workspace, embedding)
