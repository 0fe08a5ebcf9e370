"""The swappable parts, each a protocol; the registries beside them name what ships.

To add a backend: one file that meets the protocol, one line in its registry (docs/adding.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.records import Caption, GenerationMode, GenerationRequest, LabelledImage

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)`; interfaces draw it, tests ignore it."""


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


Notify = Callable[[str], None]
"""Called with a line that a person should read; interfaces print it."""


def no_notify(line: str) -> None:
    """Print nothing."""


class Captioner(Protocol):
    """Says in words what an image shows, and which attribute values it has."""

    name: str
    recognises: bool
    """Whether it tells what is shown, so that made images can be checked by it, or only measures the picture."""

    @property
    def version(self) -> str:
        """Changes whenever the same image would get another caption."""
        ...

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        """Return one caption per image, in order."""
        ...


class Generator(Protocol):
    """Makes images for cells. Same request, same image, whatever the batch."""

    name: str
    modes: tuple[GenerationMode, ...]
    """What it can make; the first where a drafter has no reason for another."""
    notice: str
    """What a person should read before it is used (a licence, say); may be empty."""

    @property
    def version(self) -> str:
        """Changes whenever the same request would give another image."""
        ...

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return, JSON-able, what will be done for this request (the edits and their strengths, say)."""
        ...

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order.

        Raises:
            ToolError: A request that this generator cannot honour.
        """
        ...


class OutlierScorer(Protocol):
    """Scores how little an image belongs to its class. Higher is worse, always."""

    name: str
    threshold: float
    """Reject above this."""

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Learn from real images: embeddings (N, D), labels (N,)."""
        ...

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one score per row of (M, D) `embeddings` under its claimed label, (M,); higher is worse."""
        ...


CAPTIONERS = {
    "attributes": "atlantis_core.captioning.attributes:AttributeCaptioner",
    "transformers": "atlantis_core.captioning.transformers:TransformersCaptioner",
}

GENERATORS = {
    "diffusion": "atlantis_core.generation.diffusion.generator:DiffusionGenerator",
    "photometric": "atlantis_core.generation.photometric:PhotometricGenerator",
    "retrieve": "atlantis_core.generation.retrieve:RetrieveGenerator",
}

SCORERS = {
    "centre_ratio": "atlantis_core.filtering.centre_ratio:CentreRatioScorer",
    "isolation": "atlantis_core.filtering.density:IsolationScorer",
    "knn": "atlantis_core.filtering.knn:KnnScorer",
    "lof": "atlantis_core.filtering.density:LofScorer",
    "margin": "atlantis_core.filtering.margin:MarginScorer",
}
