"""The records that cross borders: frozen, JSON-able, images and tensors as paths.

`plain.as_json` and `plain.from_json` turn any of them into plain data and back; the store and the graph's state
hold nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "validation", "test"]
Role = Literal["query", "gallery", "both"]
Regime = Literal["seen", "unseen"]
Cause = Literal["scarce", "missed", "confused", "named"]
Arm = Literal["edit", "text_to_image", "retrieve"]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image of a collection."""

    id: str
    """First 16 hex digits of the SHA-256 of the file's bytes."""
    path: str
    """Absolute path."""
    label: str
    """Class name, whole (dots stay)."""
    split: Split
    role: Role = "both"
    facets: Mapping[str, str] = field(default_factory=dict)
    """Facet name -> value, for the facets this image has."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was left out of a collection, and why; or a remark on one that is used (`listed twice`)."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A labelled collection without its test images; those stay in `data.sealed.SealedSplit`."""

    name: str
    root: str
    images: tuple[LabelledImage, ...]
    """Train and validation images, in a fixed order."""
    facets: tuple[str, ...]
    """Names of the facets, in column order."""
    not_facets: Mapping[str, str]
    """Metadata columns that are no facets -> reason (function of the label, one value ...)."""
    problems: tuple[Problem, ...]
    splits_given: bool
    """False where the deterministic split was made here."""
    num_test: int
    """How many images the sealed test split holds."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of train and validation images, sorted."""
        return tuple(sorted({image.label for image in self.images}))

    def of_split(self, split: Literal["train", "validation"]) -> tuple[LabelledImage, ...]:
        """Return the images of one split, in order."""
        return tuple(image for image in self.images if image.split == split)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval and the number of observations behind it."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Class x facet value; `facet` and `value` are empty for a whole class."""

    class_name: str
    facet: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Retrieval quality of one model on one task."""

    recall_at: Mapping[int, float]
    map_at_r: float
    r_precision: float
    queries: int
    """Queries that have at least one partner in the gallery."""
    left_out: int
    """Queries without a partner; they enter no figure."""
    per_class: Mapping[str, Interval]
    """Recall@1 by class."""
    per_facet: Mapping[str, Mapping[str, Interval]]
    """Recall@1 by facet and value."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A cell with evidence that it is scarce, missed or confused."""

    cell: Cell
    support: int
    """Training images in the cell."""
    typical_support: float
    """Median training images of the cells of the same class-independent kind (same facet)."""
    recall_at_1: float
    low: float
    high: float
    """95 % interval of `recall_at_1` (Wilson)."""
    queries: int
    deficit: float
    """Expected Recall@1 of the cell minus its own, shrunk towards 0 by its uncertainty; higher is worse."""
    cause: Cause
    confused_with: tuple[str, ...]
    """Classes returned instead, most frequent first."""
    score: float
    """Rank key; higher is worse."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What a captioner says of one image."""

    image_id: str
    text: str
    attributes: Mapping[str, str]
    """Facet name -> value that the captioner could name (light=dark ...)."""


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
    arm: Arm
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


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two arms over the same queries and seeds; the outcome is candidate - control."""

    before: float
    after: float
    gain: float
    low: float
    high: float
    """95 % interval of `gain`."""
    p_value: float
    """One-sided: how probable so large a gain is if the two arms are alike."""
    queries: int
    seeds: int


@dataclass(frozen=True, slots=True)
class Goal:
    """What a person wants, in words and as far as it was understood."""

    text: str
    cells: tuple[Cell, ...] = ()
    """Cells the goal names; empty means every query counts."""
    target: float | None = None
    """Recall@1 to reach on those cells (or overall); None means as far as the budget goes."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend; enforced by the ledger, in code."""

    images: int | None = None
    usd: float | None = None
    rounds: int = 2


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything a run was asked to do. Two runs with equal specs make the same images and trainings."""

    collection_id: str
    data: str
    """What the person typed for DATA."""
    goal: Goal
    budget: Budget
    planner: str = "rules"  # or openai:MODEL
    base_url: str | None = None
    usd_per_million_tokens: tuple[float, float] | None = None  # into and out of the planner's model
    seeds: int = 2  # that judge; the diagnosing model has one of its own
    seed: int = 0
    preset: str = "auto"
    backbone: str | None = None
    weights: str | None = None
    captioner: str = "attributes"
    generator: str = "photometric"
    scorer: str = "margin"
    regime: Regime = "seen"
    query: tuple[str, str] | None = None
    """Restrict queries to column = value."""
    gallery: tuple[str, str] | None = None
    auto: bool = True  # False: every spending waits for a person
    spread: Literal["targeted", "uniform"] = "targeted"
    """`uniform` spreads the same number of images over all cells: the control arm of docs/results.md."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One training with one seed; its id is the content address of everything that went in."""

    id: str
    seed: int
    status: Literal["finished", "crashed"]
    path: str
    """Folder of the checkpoint; empty when crashed."""
    num_real: int
    num_synthetic: int
    seconds: float
    error: str = ""
