"""What an index is, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What stands beside an index and says what is in it. Paths in the workspace are relative to it."""

    name: str
    model: str
    """What loads the model again: a checkpoint folder, a weights file, a name."""
    model_hash: str
    """Address of the model's weights and facts; only this model may ask."""
    embedding: str
    """`head`, `body`, or empty where the model has no such choice."""
    distance: str
    """`cosine` or `hyperbolic:C`; smaller is nearer."""
    dims: int
    """D, the length of an embedding."""
    collection: str
    """Name of the collection within Chroma; no other index has it, also on a server that many share."""
    server: str = ""
    """URL of a Chroma server; empty where the index is a folder of the workspace."""
    roots: Mapping[str, str] = field(default_factory=dict)
    """Key -> folder of a collection whose images are in it."""
    facets: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column -> values to filter by, sorted; of a column with very many values, none are listed."""
    images: int = 0
    complete: bool = False
    """False while it is being filled; an interrupted filling goes on with what is missing."""
    revision: int = 0
    """Rises with every change, so that whoever has it open sees that it must look again."""
    graph_files: Mapping[str, int] = field(default_factory=dict)
    """File of the graph, relative to the index's folder -> its CRC-32."""
    recall_at_10: float | None = None
    """Share of the 10 truly nearest that the index finds; lower is worse. None where it was not measured."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An image that was found."""

    id: str
    path: str
    """Absolute; empty where its folder is not known here."""
    label: str
    split: str
    facets: Mapping[str, str]
    distance: float
    """To the query; larger is farther."""
    role: str = "both"
    """`query`, `gallery` or `both`."""


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """What a filling did, in images."""

    added: int
    there: int
    """That were in the index already."""
    refreshed: int
    """Of those, whose label, split, path or facets were brought up to date."""
    removed: int
    """That are no longer in the collection, or in its sealed test split now."""
