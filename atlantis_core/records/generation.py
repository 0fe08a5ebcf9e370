"""What images to make, how they were made, and whether they were kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from atlantis_core.records.collection import Cell

GenerationMode = Literal["edit", "text_to_image", "retrieve"]


@dataclass(frozen=True, slots=True)
class CellRequest:
    """How many images a protocol wants for one cell, and from which prompts."""

    cell: Cell
    count: int
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protocol:
    """What to make, for which cells, how many, how, why, and what gain is expected (the paper's APS)."""

    id: str
    round: int
    arm: GenerationMode
    cells: tuple[CellRequest, ...]
    objective: str
    """The paper's "master prompt": what all images of this protocol should show."""
    reason: str
    scorer: str
    synthetic_weight: float
    """Sampling weight of a synthetic image against a real one of the same class."""
    expected_gain: float
    """Expected gain in Recall@1 on the targeted cells."""

    @property
    def num_images(self) -> int:
        """Images the protocol asks for in all."""
        return sum(request.count for request in self.cells)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One image to make. Its key is the content address: same request, same key, same image."""

    key: str
    cell: Cell
    prompt: str
    seed: int
    source_id: str
    """The real training image it starts from; empty for text-to-image."""
    source_path: str
    side_px: int
    reference_id: str = ""
    """A real training image, of any class, that shows the cell's facet value; empty where there is none."""
    reference_path: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One made image, with full provenance."""

    key: str
    path: str
    sha256: str
    cell: Cell
    prompt: str
    source_id: str
    generator: str
    """Name and version, e.g. `photometric/1`."""
    settings: Mapping[str, Any]
    """What was done, e.g. the edits and their strengths."""
    seed: int
    protocol_id: str
    round: int
    seconds: float

    @property
    def id(self) -> str:
        """The key, under the name that images of a collection have for it."""
        return self.key


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kept or rejected, by which filter, with which score."""

    candidate_key: str
    kept: bool
    filter: str
    """Name of the filter that rejected it, or of the scorer that let it pass."""
    score: float
    """The filter's score; higher is worse."""
    reason: str
