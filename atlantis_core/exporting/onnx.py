"""A retriever as an ONNX file that computes the same embeddings."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.errors import SetupError
from atlantis_core.learning.attacks import embedded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from atlantis_core.learning.retriever import Retriever

TOLERANCE = 1e-4
"""Largest difference of any number of an embedding."""


def write_onnx(retriever: Retriever, file: Path) -> float:
    """Write pixels in 0..1 (batch, 3, S, S) -> embeddings (batch, D), normalisation inside; the batch is free.

    Args:
        retriever: What is written, as it searches.
        file: Written whole, and checked.

    Returns:
        The largest difference from torch on random pictures, in batches of 1 and 4.

    Raises:
        SetupError: The packages for it are missing, or the file computes something else.
    """
    import torch

    for package in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise SetupError(f"ONNX needs the package {package!r}: pip install 'atlantis-dml[onnx]'")
    model = _model(retriever)
    example = torch.rand(2, 3, retriever.side_px, retriever.side_px, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), _quiet():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            model,
            (example,),
            str(file),
            input_names=["pixels"],
            output_names=["embeddings"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    differs = max(_difference(model, file, pixels) for pixels in (example[:1], torch.cat([example, 1 - example])))
    if not differs <= TOLERANCE:
        raise SetupError(f"the ONNX file's embeddings differ by {differs:.1e}, over {TOLERANCE:g}; it was not kept")
    return differs


def _model(retriever: Retriever) -> nn.Module:
    """Return the whole way as one module on the CPU."""
    from torch import nn

    class PixelsToEmbeddings(nn.Module):
        """What is exported."""

        def __init__(self) -> None:
            super().__init__()
            self.lower, self.upper = retriever.stages.lower, retriever.stages.upper
            self.head = retriever.head

        def forward(self, pixels: Tensor) -> Tensor:
            return embedded(retriever, 255 * pixels)

    return PixelsToEmbeddings().cpu().eval()


def _difference(model: nn.Module, file: Path, pixels: Tensor) -> float:
    import onnxruntime  # type: ignore[import-untyped]
    import torch

    session: Any = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"pixels": pixels.numpy()})
    with torch.no_grad():
        expected = model(pixels).numpy()
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")


@contextlib.contextmanager
def _quiet() -> Any:
    """Silence the exporter's log lines; what matters is checked afterwards."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
