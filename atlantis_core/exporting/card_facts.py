"""What a model card is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlantis_core.exporting.evidence import TrialEvidence
    from atlantis_core.exporting.onnx_file import OnnxAgreement


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model card says."""

    architecture: str
    base_model: str
    """Name on the hub; empty for weights from a file and random weights."""
    base_license: str
    """Licence of `base_model` according to timm; empty if unknown."""
    source: str
    """Where the first weights came from: `file`, `cache`, `hub` or `scratch`."""
    dims: int
    side_px: int
    embedding: str
    """`head` or `body`."""
    distance: str
    """Distance between embeddings."""
    c: float | None
    """The ball's curvature is -c; None on the sphere."""
    recipe: Mapping[str, Any] | None
    """None for a model that was not trained here."""
    seed: int | None
    evidence: TrialEvidence | None
    with_onnx: bool
    agreement: OnnxAgreement | None
    """None without a graph, or if onnxruntime is not installed."""
    crop: Mapping[str, Any] = field(default_factory=dict)
    """`BackboneSpec.crop`; empty if the central square is scaled, bicubic."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the normalised input, RGB in 0..1."""
    earlier_preprocessing: str = ""
    """`preprocessing.earlier_preprocessing`; empty if images are prepared as timm says."""
    with_timm: bool = True
    """Whether timm opens the folder."""
    clip_radius: float | None = None
    """Of a hyperbolic head."""
    serving: str = ""
    """How it was searched when it was measured; empty is the nearest photo."""
    reference: int = 0
    """Photos that the serving is fitted on, of which the folder has the embeddings."""
    gallery: int = 0
    """Photos that the run added to the gallery, which the folder holds."""
