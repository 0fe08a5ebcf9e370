"""A retriever as one ONNX graph: from pixels in 0..1 to embeddings, with the normalisation inside."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.inputs.preprocessing import decode_image, to_input
from atlantis_core.learning.models.split_backbone import split_backbone

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor, nn

    from atlantis_core.learning.retriever import Retriever

FILE_NAME = "model.onnx"
INPUT, OUTPUT = "pixels", "embeddings"
TOLERANCE = 1e-4
"""Largest allowed difference of one number of an embedding."""

_NUM_RANDOM_IMAGES = 3
_SEED = 0


@dataclass(frozen=True, slots=True)
class OnnxAgreement:
    """How much ONNX Runtime's embeddings differ from torch's."""

    largest_difference: float
    """Of one number of an embedding; higher is worse."""
    random_images: int
    pictures: int
    """Real images; the name is a key of `--json`."""


def require_onnx() -> None:
    """Check early that the exporter can work: a `SetupError` if `onnx` or `onnxscript` is not installed."""
    try:
        import onnx
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise SetupError(
            f"--onnx needs {error.name or 'onnx'}, which is not installed: pip install 'atlantis-dml[onnx]'"
        ) from error
    del onnx


def write_onnx(retriever: Retriever, file: Path) -> None:
    """Write the graph `pixels` (N, 3, S, S) -> `embeddings` (N, D), both float32, for any N.

    `pixels` are RGB in 0..1; the file's metadata name the distance of its embeddings (`distance`, `c`). Weights over
    2 GB go into a second file beside it.

    Raises:
        SetupError: `onnx` is not installed, or the exporter does not support the backbone.
    """
    require_onnx()
    import torch

    batch = torch.export.Dim("batch", min=1)
    example = torch.zeros(2, 3, retriever.side_px, retriever.side_px)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from the exporter, about torch itself
            program = torch.onnx.export(
                _trace_graph(copy_to_cpu(retriever)),
                (example,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={INPUT: {0: batch}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = " ".join(str(error.__cause__ or error).split())[:200]
        name = retriever.backbone.architecture
        raise SetupError(
            f"{name!r} cannot be written as ONNX ({cause}); without --onnx the rest is exported"
        ) from error
    assert program is not None
    _strip_paths(program.model)
    program.model.metadata_props.update(_graph_metadata(retriever))
    program.save(file)


def check_onnx(retriever: Retriever, file: Path, images: Sequence[str | Path]) -> OnnxAgreement | None:
    """Compare the embeddings of the file with torch's on random and on real images, one by one and as a batch.

    Return None if `onnxruntime` is not installed.

    Raises:
        SetupError: They differ by more than `TOLERANCE`.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    runtime = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    side_px = retriever.side_px
    real = (to_input(decode_image(image), side_px, retriever.backbone) for image in images)
    squares = [*_random_images(side_px), *real]
    wanted = copy_to_cpu(retriever).embed_inputs(squares)
    pixels = to_pixels(squares)
    batched = runtime.run([OUTPUT], {INPUT: pixels})[0]
    single = np.concatenate([runtime.run([OUTPUT], {INPUT: pixels[row : row + 1]})[0] for row in range(len(pixels))])
    difference = max(float(np.abs(found - wanted).max()) for found in (batched, single))
    if not difference <= TOLERANCE:  # NaN fails too
        raise SetupError(
            f"the ONNX graph of {retriever.backbone.architecture!r} differs from torch by {difference:.1e}, more "
            f"than {TOLERANCE:.0e}; nothing was exported; leave out --onnx"
        )
    return OnnxAgreement(difference, _NUM_RANDOM_IMAGES, len(images))


def to_pixels(squares: Sequence[Image]) -> Any:
    """Return N square images as input of the graph: float32 (N, 3, S, S), RGB in 0..1."""
    stacked = np.stack([np.asarray(square, np.uint8) for square in squares])
    return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def copy_to_cpu(retriever: Retriever) -> Retriever:
    """Return a copy on the CPU (full float32 precision) with the backbone in one piece."""
    head = None if retriever.head is None else copy.deepcopy(retriever.head).cpu().eval()
    backbone = copy.deepcopy(retriever.stages.backbone).cpu()
    return replace(retriever, stages=split_backbone(backbone, 0.0), head=head)


def _trace_graph(retriever: Retriever) -> nn.Module:
    import torch
    from torch import nn

    class Graph(nn.Module):
        """Pixels in 0..1 -> embeddings."""

        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = retriever.stages.backbone, retriever.head
            self.mean = nn.Buffer(torch.tensor(retriever.backbone.mean).view(1, 3, 1, 1))
            self.std = nn.Buffer(torch.tensor(retriever.backbone.std).view(1, 3, 1, 1))

        def forward(self, pixels: Tensor) -> Tensor:
            features = self.backbone((pixels - self.mean) / self.std)
            if self.head is None:
                return torch.nn.functional.normalize(features, dim=1)
            embeddings: Tensor = self.head(features)
            return embeddings

    return Graph().eval()


def _random_images(side_px: int) -> list[Image]:
    from PIL import Image

    draw = np.random.default_rng(_SEED)
    return [
        Image.fromarray(draw.integers(0, 256, (side_px, side_px, 3), np.uint8)) for _ in range(_NUM_RANDOM_IMAGES)
    ]


def _strip_paths(model: Any) -> None:
    """Remove paths of this machine: the exporter stores a stack trace at every node."""
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None


def _graph_metadata(retriever: Retriever) -> dict[str, str]:
    facts = {"distance": retriever.space.distance if retriever.head is not None else "cosine"}
    if facts["distance"] == "hyperbolic":
        facts["c"] = repr(retriever.space.c)  # type: ignore[attr-defined]  # only that head has it
    crop = {key: str(value) for key, value in retriever.backbone.crop.items()}
    return facts | {"input": "float32 RGB in 0..1, NCHW", "side_px": str(retriever.side_px)} | crop
