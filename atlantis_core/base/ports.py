"""Replaceable parts: the protocol of each, and the registry of its implementations.

To add one: a file that implements the protocol and a line in the registry (docs/adding.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.records import Caption, Cell, GenerationMode, GenerationRequest, LabelledImage

Progress = Callable[[str, int, int], None]
"""Called as `progress(what, done, total)`."""


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


Notify = Callable[[str], None]
"""Called with a line for the person to read."""


def no_notify(line: str) -> None:
    """Print nothing."""


class Captioner(Protocol):
    """Describes an image in a sentence and as attribute values."""

    name: str
    recognises: bool
    """True if it recognises content, so that it can check synthetic images; False if it only measures pixels."""

    @property
    def version(self) -> str:
        """Changes whenever the same image would get another caption."""

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        """Return one caption per image, in order."""


class Generator(Protocol):
    """Generates images for cells. Equal requests give equal images, whatever the batch."""

    name: str
    modes: tuple[GenerationMode, ...]
    """Supported generation modes; the first is the default."""
    notice: str
    """What a person should read before using it (a licence, say); may be empty."""

    @property
    def version(self) -> str:
        """Changes whenever the same request would give another image."""

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return what will be done for a request, JSON-able (the edits and their strengths, say)."""

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order.

        Raises:
            ToolError: This generator cannot serve a request.
        """


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the images of a generator can show and what they cannot, in words for people and chat models."""

    can: str
    cannot: str
    edits: frozenset[str] | None = None
    """The conditions that it can show, by the edits that show them (`generation.edits`); None: not known."""
    borrows: frozenset[str] = frozenset()
    """Those that it takes over from training photos of other classes, where such photos exist."""
    reads: Literal["edits", "whole", "nothing"] = "whole"
    """What it reads of a prompt: the words for its edits, all of it, or nothing."""


@runtime_checkable
class Capable(Protocol):
    """A generator that says what it can show; one that does not is taken at its word."""

    capabilities: Capabilities


@runtime_checkable
class VersionedByRequest(Protocol):
    """A generator that changed for some requests only, so that images of all others are found again."""

    name: str

    def version_of(self, cell: Cell, prompt: str) -> str:
        """Return the version in which the images of such a request last changed."""


@runtime_checkable
class FittableGenerator(Protocol):
    """A generator that can be fitted to training photos, so that class names mean what they show."""

    is_fitted: bool
    """Whether it is fitted before it generates."""

    def name_counterpart(self) -> str:
        """Return what pilots compare it with, as `--generator` takes it: without its fit, or fitted; else empty."""

    def use_photos(self, photos: Sequence[LabelledImage], folder: Path, progress: Progress) -> None:
        """Take photos of the training split; `folder` keeps what is learned of them."""


def name_generator(generator: Generator, cell: Cell, prompt: str) -> str:
    """Return name and version, as they are part of a request's content hash: `photometric/2`."""
    if isinstance(generator, VersionedByRequest):
        return f"{generator.name}/{generator.version_of(cell, prompt)}"
    return f"{generator.name}/{generator.version}"


class OutlierScorer(Protocol):
    """Scores how unlike its class an image is; higher is worse.

    `ToolError` says that it is not fitted, or that it has not the real images that it needs.
    """

    name: str
    threshold: float
    """Reject above this."""

    def fit(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Self:
        """Fit to real images: embeddings (N, D), labels (N,)."""

    def score(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return one score per row of (M, D) `embeddings` under its claimed label, (M,); higher is worse."""


@dataclass(frozen=True, slots=True)
class SetChoice:
    """Which of a set of synthetic images a scorer keeps."""

    scores: NDArray[np.float64]
    """Risk of each, (M,); higher is worse."""
    threshold: float
    """Images with a higher score are rejected."""
    kept: NDArray[np.bool_]
    """(M,)."""
    reasons: Mapping[int, str]
    """Why an image is rejected, by row, where its score alone does not say it."""
    remark: str
    """What the choice rests on, one line; may be empty."""


@runtime_checkable
class SetScorer(OutlierScorer, Protocol):
    """An outlier scorer that judges images as a set: whether to keep one depends on the others."""

    def choose(self, embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> SetChoice:
        """Choose which of (M, D) `embeddings` with claimed labels (M,) to keep; `fit` comes first."""


CAPTIONERS = {
    "attributes": "atlantis_core.captioning.attributes:AttributeCaptioner",
    "transformers": "atlantis_core.captioning.transformers:TransformersCaptioner",
}

GENERATORS = {
    "cut_paste": "atlantis_core.generation.cut_paste.generator:CutPasteGenerator",
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
    "risk": "atlantis_core.filtering.risk:RiskScorer",
}
