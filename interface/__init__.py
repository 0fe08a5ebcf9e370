"""The package `atlantis_dml`. Its folder has another name, since a folder `atlantis_dml` here would hide the package.

ATLANTIS is a data engineer for image search. A trained model is loaded and used in three lines:

```python
from atlantis_dml import load_retriever
retriever = load_retriever("20261123-1a2b3c")  # a run, a trial, a safetensors file or a timm name
vectors = retriever.embed(["a.jpg", "b.jpg"])
```
`train`, `evaluate`, `export`, `index` and `filter_embeddings` are the commands of these names: they show progress
on stderr and return what `--json` prints. The errors they raise are `AtlantisError`s: `SetupError` for what you have
to fix, `ToolError` for data that cannot be used.
"""

from __future__ import annotations

from atlantis_core.base.errors import AtlantisError, SetupError, ToolError
from atlantis_dml.api.evaluate import evaluate
from atlantis_dml.api.export import export
from atlantis_dml.api.filter import filter_embeddings
from atlantis_dml.api.index import index, open_index
from atlantis_dml.api.load_retriever import load_retriever
from atlantis_dml.api.train import train

__all__ = [
    "AtlantisError",
    "SetupError",
    "ToolError",
    "__version__",
    "evaluate",
    "export",
    "filter_embeddings",
    "index",
    "load_retriever",
    "open_index",
    "train",
]

__version__ = "0.1.0"
