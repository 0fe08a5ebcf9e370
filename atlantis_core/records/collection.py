"""A labelled collection: its images, its cells, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "validation", "test"]
Role = Literal["query", "gallery", "both", "train"]
"""What an image is for besides training: to ask, to be searched, both, or neither (`train`)."""
Regime = Literal["seen", "unseen"]


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
class Cell:
    """Class x facet value; `facet` and `value` are empty for a whole class."""

    class_name: str
    facet: str = ""
    value: str = ""

    def contains(self, cell: Cell) -> bool:
        """Whether another cell lies within this one, in which an empty field means any."""
        pairs = ((self.class_name, cell.class_name), (self.facet, cell.facet), (self.value, cell.value))
        return all(want in {"", have} for want, have in pairs)


@dataclass(frozen=True, slots=True)
class Caption:
    """What a captioner says of one image."""

    image_id: str
    text: str
    attributes: Mapping[str, str]
    """Facet name -> value that the captioner could name (light=dark ...)."""
