"""ATLANTIS: a data engineer for image search.

The way out is three lines:

```python
from atlantis_dml import load_retriever
retriever = load_retriever("20261123-1a2b3c")  # a run, a trial, a safetensors file or a timm name
vectors = retriever.embed(["a.jpg", "b.jpg"])
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.learning.retriever import Retriever

__version__ = "0.1.0"


def load_retriever(model: str | Path, workspace: str | Path | None = None, embedding: str | None = None) -> Retriever:
    """Load a retriever to embed images with.

    Args:
        model: A run id (its final model, first judging seed), a trial id, both also by their first characters,
            a checkpoint folder, a safetensors file with its `.json` beside it, or a timm name.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.
        embedding: `head`, or `body` for the unit-length pooled features below it; None takes what the model was
            trained to be used by.

    Raises:
        SetupError: Nothing of the kind, or a damaged file.
    """
    from atlantis_dml.retrievers import find_retriever

    return find_retriever(str(model), workspace, embedding)
