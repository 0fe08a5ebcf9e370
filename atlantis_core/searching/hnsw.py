"""Settings of Chroma's HNSW graph (Malkov and Yashunin, TPAMI 2020): what they buy stands in docs/search.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class HnswSettings:
    """How the graph is built and walked. Chroma's own settings find half of the neighbours of random vectors."""

    max_neighbors: int = 48
    """Edges a node keeps (M); twice as many on the ground layer."""
    ef_construction: int = 200
    """Candidates looked at for a new node's edges; more cost building time."""
    ef_search: int = 800
    """Candidates looked at for a query; more cost query time. It can be changed later."""
    fill_batch: int = 20_000
    """Vectors between two savings of the graph while it is filled; an interruption costs at most so many."""

    def configuration(self, space: str) -> dict[str, Any]:
        """Return what Chroma is told when a collection is created.

        Args:
            space: `cosine` or `l2`.
        """
        return {
            "hnsw": {
                "space": space,
                "max_neighbors": self.max_neighbors,
                "ef_construction": self.ef_construction,
                "ef_search": self.ef_search,
                "sync_threshold": self.fill_batch,
            }
        }


SYNC_EVERY_WRITE = 1
"""A `sync_threshold` with which asking an index saves what was not saved yet."""
