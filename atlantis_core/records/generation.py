"""Image generation: protocols, requests, candidates and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from atlantis_core.records.collection import Cell

GenerationMode = Literal["edit", "text_to_image", "retrieve"]

GENERATE = "generate"
"""The remedy of a round of a run from before there were several."""


@dataclass(frozen=True, slots=True)
class CellRequest:
    """Number of images that a protocol requests for a cell, and their prompts."""

    cell: Cell
    count: int
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protocol:
    """What to do: for which cells, by which remedy, with how many images, why, and the expected gain (APS)."""

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
    remedy: str = GENERATE
    """What is done about the cells: a name in `run.remedies.REMEDIES`, with its options."""
    reused: tuple[int, ...] = ()
    """Rolled-back rounds whose kept images are trained on again, beside this round's."""

    @property
    def num_images(self) -> int:
        """Number of images over all cells."""
        return sum(request.count for request in self.cells)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One image to generate. Its key is a content hash: equal requests have equal keys and give equal images."""

    key: str
    cell: Cell
    prompt: str
    seed: int
    source_id: str
    """The real training image that is edited; empty for text-to-image."""
    source_path: str
    side_px: int
    reference_id: str = ""
    """A real training image, of any class, with the cell's facet value; empty if there is none."""
    reference_path: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """Why it was requested, JSON-able: kept in the candidate's settings. They do not change the image."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A generated image with its provenance."""

    key: str
    path: str
    sha256: str
    cell: Cell
    prompt: str
    source_id: str
    generator: str
    """Name and version, e.g. `photometric/1`."""
    settings: Mapping[str, Any]
    """Settings of the generator, e.g. the edits and their strengths."""
    seed: int
    protocol_id: str
    round: int
    seconds: float

    @property
    def id(self) -> str:
        """The key; so candidates and images of a collection have the same attribute."""
        return self.key


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a candidate was kept, by which filter, with which score."""

    candidate_key: str
    kept: bool
    filter: str
    """The filter that rejected it, or the scorer that accepted it."""
    score: float
    """The filter's score; higher is worse."""
    reason: str
