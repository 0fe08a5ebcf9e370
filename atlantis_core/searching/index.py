"""An index that is asked: by vectors, with filters, through the graph or exactly."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.data.entries import outside
from atlantis_core.errors import SetupError
from atlantis_core.records import Hit, IndexFacts
from atlantis_core.searching.chroma import Shelf, chroma_errors
from atlantis_core.searching.filters import Where, chroma_filter, facet_key
from atlantis_core.searching.places import held, read_facts, workspace_of
from atlantis_core.searching.spaces import as_queries, candidates, distances_between
from atlantis_core.store.places import found as found_place

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_HITS = 1000
"""Hits of one query."""
_PAGE = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Everything in an index, for exact answers."""

    ids: tuple[str, ...]
    rows: NDArray[np.float32]
    """(N, D)"""
    revision: int


class SearchIndex:
    """An index in a folder. It may stay open for long: a change by another process is seen at the next question.

    Questions from several threads are answered one after the other.

    Args:
        folder: Of the index, see `places.index_folder`.

    Raises:
        SetupError: There is none, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._shelf: Shelf | None = None
        self._vectors: Vectors | None = None
        self._facts = read_facts(folder)

    @property
    def facts(self) -> IndexFacts:
        """What is said of the index now."""
        return read_facts(self.folder)

    def close(self) -> None:
        """Let go of files and connections; the next question opens them again."""
        with self._lock:
            if self._shelf is not None:
                self._shelf.close()
            self._shelf = self._vectors = None

    def query(
        self, vectors: object, top: int = 10, where: Where | None = None, *, exact: bool = False
    ) -> list[list[Hit]]:
        """Return the nearest images of each query, nearest first.

        Args:
            vectors: One query vector (D) or several (Q, D), made by the model of the index.
            top: Hits per query, fewer where fewer images meet the filter; 1 to `MOST_HITS`.
            where: Filter by label, split, role or facets; see `filters.Where`.
            exact: Compare with every image instead of walking the graph.

        Raises:
            SetupError: The vectors do not fit, there is no such column or value, or the index cannot be read.
        """
        if not 1 <= top <= MOST_HITS:
            raise SetupError(f"top {top} is not from 1 to {MOST_HITS}")
        with self._lock, held(self.folder, writing=False):
            shelf = self._fresh()
            queries = as_queries(vectors, self._facts.dims, self._facts.distance)
            rule = chroma_filter(where or {}, self._facts)
            if exact:
                return self._exact(shelf, queries, top, rule)
            found = self._walk(shelf, queries, top, rule)
            if min(map(len, found)) < min(top, self._facts.images) and rule is not None:
                return self._exact(shelf, queries, top, rule)  # a rare value: the graph's walk may not meet it
            return found

    def hit(self, image_id: str) -> Hit:
        """Return an image of the index by its id; its distance is 0.

        Raises:
            SetupError: There is none.
        """
        with self._lock, held(self.folder, writing=False):
            shelf = self._fresh()
            with chroma_errors(shelf.where):
                found = shelf.collection.get(ids=[image_id], include=["metadatas"])
        if not found["ids"] or not found["metadatas"]:
            raise SetupError(f"there is no image {image_id[:80]!r} in index {self._facts.name!r}")
        return self._hit(image_id, found["metadatas"][0], 0.0)

    def vectors(self) -> Vectors:
        """Return all vectors; they are kept in memory until the index changes.

        Raises:
            SetupError: The index cannot be read.
        """
        with self._lock, held(self.folder, writing=False):
            return self._all_vectors(self._fresh())

    def _fresh(self) -> Shelf:
        """Open the index, anew where it was changed since."""
        facts = read_facts(self.folder)
        if not facts.complete:
            raise SetupError(
                f"index {facts.name!r} is not complete: its filling was cut off; the same `atlantis index` goes on"
            )
        if self._shelf is not None and facts == self._facts:
            return self._shelf
        self.close()
        self._facts, self._shelf = facts, Shelf(self.folder, facts)
        return self._shelf

    def _walk(self, shelf: Shelf, queries: NDArray[np.float32], top: int, rule: Any) -> list[list[Hit]]:
        """Ask the graph; where Chroma's distance is not ours, sort its candidates by ours."""
        distance = self._facts.distance
        resort = distance != "cosine"
        with chroma_errors(shelf.where):
            answer = shelf.collection.query(
                query_embeddings=queries,
                n_results=candidates(distance, top),
                where=rule,
                include=["metadatas", "distances", *(["embeddings"] if resort else [])],
            )
        found = []
        for row, (ids, metadata) in enumerate(zip(answer["ids"], answer["metadatas"] or [], strict=True)):
            far = np.asarray((answer["distances"] or [])[row], np.float32)
            if resort and ids:
                near = np.asarray((answer["embeddings"] or [])[row], np.float32)
                far = distances_between(queries[row : row + 1], near, distance)[0]
            order = np.argsort(far, kind="stable")[:top]
            found.append([self._hit(ids[i], metadata[i], float(far[i])) for i in order])
        return found

    def _exact(self, shelf: Shelf, queries: NDArray[np.float32], top: int, rule: Any) -> list[list[Hit]]:
        kept = self._all_vectors(shelf)
        rows = np.arange(len(kept.ids))
        if rule is not None:
            with chroma_errors(shelf.where):
                allowed = set(shelf.collection.get(where=rule, include=[])["ids"])
            rows = np.array([row for row in rows if kept.ids[row] in allowed], dtype=np.int64)
        chosen, far = nearest(queries, kept.rows[rows] if rule is not None else kept.rows, self._facts.distance, top)
        wanted = {kept.ids[row] for row in rows[chosen].ravel()}
        metadata = self._metadata(shelf, sorted(wanted))
        return [
            [self._hit(kept.ids[rows[i]], metadata[kept.ids[rows[i]]], float(d)) for i, d in zip(*pair, strict=True)]
            for pair in zip(chosen, far, strict=True)
        ]

    def _all_vectors(self, shelf: Shelf) -> Vectors:
        if self._vectors is None or self._vectors.revision != self._facts.revision:
            ids, parts = [], [np.zeros((0, self._facts.dims), np.float32)]
            for names, rows in pages(shelf):
                ids.extend(names)
                parts.append(rows)
            self._vectors = Vectors(tuple(ids), np.concatenate(parts), self._facts.revision)
        return self._vectors

    def _metadata(self, shelf: Shelf, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        if not ids:
            return {}
        with chroma_errors(shelf.where):
            answer = shelf.collection.get(ids=list(ids), include=["metadatas"])
        return dict(zip(answer["ids"], answer["metadatas"] or [], strict=True))

    def _hit(self, image_id: str, metadata: Mapping[str, Any], distance: float) -> Hit:
        facts = self._facts
        facets = {name: str(metadata[facet_key(name)]) for name in facts.facets if facet_key(name) in metadata}
        path = self._path(str(metadata.get("root", "")), str(metadata.get("path", "")))
        label, split = str(metadata.get("label", "")), str(metadata.get("split", ""))
        return Hit(image_id, path, label, split, facets, max(0.0, distance))

    def _path(self, root_key: str, name: str) -> str:
        """Return a file of a collection that is known here; a path that leads out of it is none."""
        root = self._facts.roots.get(root_key, "")
        if not root or not name:
            return ""
        folder = Path(found_place(root, workspace_of(self.folder)))
        return "" if outside(folder, name) else str(folder / name)


def pages(shelf: Shelf) -> Any:
    """Yield ids and vectors (n, D) of an index, page by page.

    Raises:
        SetupError: The index cannot be read.
    """
    with chroma_errors(shelf.where):
        ids = shelf.collection.get(include=[])["ids"]
        for start in range(0, len(ids), _PAGE):
            answer = shelf.collection.get(ids=ids[start : start + _PAGE], include=["embeddings"])
            yield answer["ids"], np.asarray(answer["embeddings"], np.float32)


def nearest(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], distance: str, top: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows (Q, k) and distances (Q, k) of the nearest of N vectors, nearest first; k is at most N.

    Args:
        queries: (Q, D)
        vectors: (N, D)
        distance: See `spaces.distances_between`.
        top: k, where there are so many.
    """
    far = distances_between(queries, vectors, distance)
    count = min(top, len(vectors))
    if not count:
        return np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32)
    part = np.argpartition(far, count - 1, axis=1)[:, :count]
    rows = np.take_along_axis(part, np.argsort(np.take_along_axis(far, part, 1), axis=1, kind="stable"), 1)
    return rows.astype(np.int64), np.take_along_axis(far, rows, 1)
