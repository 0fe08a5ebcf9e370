"""A labelled collection: its images, its cells, and the files that were excluded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from atlantis_core.records.natural_order import natural_key

Split = Literal["train", "validation", "test"]
Role = Literal["query", "gallery", "both", "train"]
"""The role in retrieval: query, gallery, both, or neither (`train`)."""
Regime = Literal["seen", "unseen"]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image of a collection."""

    id: str
    """16 hex digits, the first of the SHA-256 of the file's bytes (or `data.inspection.InspectedFile.id`)."""
    path: str
    """Absolute path."""
    label: str
    """Class name (dots are part of it)."""
    split: Split
    role: Role = "both"
    facets: Mapping[str, str] = field(default_factory=dict)
    """Facet name -> value, for the facets that this image has."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file excluded from a collection, with the reason; or a remark on a file in use (`listed twice`)."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class FileCount:
    """What became of the files of a collection's folder: found = used + the sum of left out."""

    found: int
    """Files in the folder, without metadata files that were read and files of file managers."""
    used: int
    """Files that are training, validation or test images."""
    left_out: Mapping[str, int]
    """Kind of problem -> files."""
    without_file: Mapping[str, int]
    """Kind of problem -> rows, folders or links: a row that names a missing file, an empty class."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A labelled collection without its test images; those are in `data.sealed.SealedSplit`."""

    name: str
    root: str
    images: tuple[LabelledImage, ...]
    """Train and validation images, in a fixed order."""
    facets: tuple[str, ...]
    """Names of the facets, in column order."""
    not_facets: Mapping[str, str]
    """Metadata column that is not a facet -> reason (function of the label, one value ...)."""
    problems: tuple[Problem, ...]
    splits_given: bool
    """False if splits were made here."""
    num_test: int
    """Number of images in the sealed test split."""
    files: FileCount | None = None
    """None if the collection was read by a version that did not count them."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names of train and validation images, sorted; numbers in them by value."""
        return tuple(sorted({image.label for image in self.images}, key=natural_key))

    def of_split(self, split: Literal["train", "validation"]) -> tuple[LabelledImage, ...]:
        """Return the images of one split, in order."""
        return tuple(image for image in self.images if image.split == split)


@dataclass(frozen=True, slots=True)
class Cell:
    """Class x facet value; `facet` and `value` are empty for an entire class."""

    class_name: str
    facet: str = ""
    value: str = ""

    def contains(self, cell: Cell) -> bool:
        """Whether another cell is part of this one; an empty field of this one matches any value."""
        pairs = ((self.class_name, cell.class_name), (self.facet, cell.facet), (self.value, cell.value))
        return all(own in {"", other} for own, other in pairs)


@dataclass(frozen=True, slots=True)
class Caption:
    """A captioner's description of an image."""

    image_id: str
    text: str
    attributes: Mapping[str, str]
    """Facet name -> value, as far as recognised (light=dark ...)."""
