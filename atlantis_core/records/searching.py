"""An image index and its search results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

FileState = Literal["", "changed", "missing"]


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """Facts about an index, stored beside it. Paths in the workspace are relative to it."""

    name: str
    model: str
    """Where to load the model from: a checkpoint folder, a weights file or a name."""
    model_hash: str
    """Content hash of the model's weights and settings; queries must come from this model."""
    embedding: str
    """`head`, `body`, or empty if the model has no such choice."""
    distance: str
    """`cosine` or `hyperbolic:C`; smaller is nearer."""
    dims: int
    """D, the dimension of the embeddings."""
    collection: str
    """Name of the collection in Chroma; unique, also on a shared server."""
    server: str = ""
    """URL of a Chroma server; empty if the index is a folder of the workspace."""
    roots: Mapping[str, str] = field(default_factory=dict)
    """Key -> folder of an indexed collection."""
    facets: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column -> sorted values to filter by; empty for a column with very many values."""
    images: int = 0
    complete: bool = False
    """False while it is being filled; an interrupted filling resumes with the missing images."""
    revision: int = 0
    """Rises with every change, so that processes with the index open know to reload it."""
    graph_files: Mapping[str, int] = field(default_factory=dict)
    """Graph file, relative to the index folder -> CRC-32."""
    recall_at_10: float | None = None
    """Share of the 10 nearest images that the index finds; lower is worse. None if not measured."""
    serving: str = ""
    """How it is searched, see `learning.serving.servings`; empty is the nearest image."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An image in a search result."""

    id: str
    path: str
    """Absolute; empty if its folder is unknown here."""
    label: str
    split: str
    facets: Mapping[str, str]
    distance: float
    """Distance to the query; larger is farther."""
    role: str = "both"
    """`query`, `gallery` or `both`."""
    file_state: FileState = ""
    """Whether the file is still the image that was indexed; empty if it is."""


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """Result of filling an index, in images."""

    added: int
    there: int
    """Already in the index."""
    refreshed: int
    """Of `there`, those with an updated label, split, path or facet."""
    removed: int
    """No longer in the collection, or now in its sealed test split."""
    other_label: int = 0
    """Of `there`, the same photos in another collection of the index, under another label, which they keep."""

    def plus(self, other: IndexUpdate) -> IndexUpdate:
        """Return the sum of two updates of the same index."""
        return IndexUpdate(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))
