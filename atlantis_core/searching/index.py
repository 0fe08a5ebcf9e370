"""An index that is asked: by vectors, with filters, through the graph or exactly."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import NotFoundError, SetupError
from atlantis_core.data.entries import why_outside
from atlantis_core.records import Hit, IndexFacts
from atlantis_core.searching.chroma import ChromaCollection
from atlantis_core.searching.filters import Where, facet_key, matches_filter, to_chroma_filter
from atlantis_core.searching.index_creation import check_index_model
from atlantis_core.searching.index_distances import compute_distances, count_candidates, to_query_vectors
from atlantis_core.searching.index_folders import lock_index, read_facts, workspace_of
from atlantis_core.searching.integrity import check_graph_files
from atlantis_core.searching.vectors import IndexVectors, find_nearest, read_vectors
from atlantis_core.store.stored_paths import from_stored_path as found_place

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_HITS = 1000
"""Hits of one query."""
_FEW_IMAGES = 20_000  # images whose vectors are read for one question; of more, all are read and kept
_WIDE, _PER_HIT = 100, 10  # nearest images among which a filter is tried first, at least and per wanted hit


NearestIds = tuple[str, Mapping[str, Any], float]
"""Id, what Chroma keeps of it, distance."""


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
        self._shelf: ChromaCollection | None = None
        self._vectors: IndexVectors | None = None
        """All of them, since an exact question was asked; until the index changes."""
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
        self,
        vectors: object,
        top: int = 10,
        where: Where | None = None,
        *,
        exact: bool = False,
        made_by: str | None = None,
    ) -> list[list[Hit]]:
        """Return the nearest images of each query, nearest first.

        Args:
            vectors: One query vector (D) or several (Q, D), made by the model of the index.
            top: Hits per query, fewer where fewer images meet the filter; 1 to `MAX_HITS`.
            where: Filter by label, split, role or facets; see `filters.Where`.
            exact: Compare with every image instead of walking the graph.
            made_by: Address of the model that made the vectors; None takes it on trust.

        Raises:
            SetupError: Another model made the vectors, they do not fit, there is no such column or value, or the
                index cannot be read.
        """
        if not 1 <= top <= MAX_HITS:
            raise SetupError(f"top {top} is not from 1 to {MAX_HITS}")
        with self._lock, lock_index(self.folder, writing=False):
            shelf = self._fresh()
            if made_by is not None:
                check_index_model(self._facts, made_by)
            queries = to_query_vectors(vectors, self._facts.dims, self._facts.distance)
            rule = to_chroma_filter(where or {}, self._facts)
            if exact:
                return self._exact(shelf, queries, top, rule)
            if not where:
                return self._hits(self._walk(shelf, queries, top, None))
            return self._filtered(shelf, queries, top, where)

    def hit(self, image_id: str) -> Hit:
        """Return an image of the index by its id; its distance is 0.

        Raises:
            NotFoundError: There is none.
        """
        with self._lock, lock_index(self.folder, writing=False):
            shelf = self._fresh()
            found = shelf.do("get", ids=[image_id], include=["metadatas"])
        if not found["ids"] or not found["metadatas"]:
            raise NotFoundError(f"there is no image {image_id[:80]!r} in index {self._facts.name!r}")
        return self._hit(image_id, found["metadatas"][0], 0.0)

    def vectors(self) -> IndexVectors:
        """Return all vectors; they are kept in memory until the index changes.

        Raises:
            SetupError: The index cannot be read.
        """
        with self._lock, lock_index(self.folder, writing=False):
            return self._all_vectors(self._fresh())

    def _fresh(self) -> ChromaCollection:
        """Open the index, anew where it was changed since."""
        facts = read_facts(self.folder)
        if not facts.complete:
            raise SetupError(
                f"index {facts.name!r} is not complete: its filling was cut off; the same `atlantis index` goes on"
            )
        if self._shelf is not None and facts == self._facts:
            return self._shelf
        self.close()
        check_graph_files(self.folder, facts)
        self._facts, self._shelf = facts, ChromaCollection(self.folder, facts)
        return self._shelf

    def _walk(
        self, shelf: ChromaCollection, queries: NDArray[np.float32], top: int, rule: Any
    ) -> list[list[NearestIds]]:
        """Ask the graph; where Chroma's distance is not ours, sort its candidates by ours."""
        distance = self._facts.distance
        resort = distance != "cosine"
        answer = shelf.do(
            "query",
            query_embeddings=queries,
            n_results=count_candidates(distance, top),
            where=rule,
            include=["metadatas", "distances", *(["embeddings"] if resort else [])],
        )
        found = []
        for row, (ids, metadata) in enumerate(zip(answer["ids"], answer["metadatas"] or [], strict=True)):
            far = np.asarray((answer["distances"] or [])[row], np.float32)
            if resort and ids:
                near = np.asarray((answer["embeddings"] or [])[row], np.float32)
                far = compute_distances(queries[row : row + 1], near, distance)[0]
            order = np.argsort(far, kind="stable")[:top]
            found.append([(ids[i], metadata[i], float(far[i])) for i in order])
        return found

    def _hits(self, near: list[list[NearestIds]]) -> list[list[Hit]]:
        return [[self._hit(*one) for one in row] for row in near]

    def _filtered(
        self, shelf: ChromaCollection, queries: NDArray[np.float32], top: int, where: Where
    ) -> list[list[Hit]]:
        """Filter what is near, which is quick; where that leaves too few, let Chroma walk among those that may be.

        A filter that few images meet is answered exactly: the walk may not come across them.
        """
        rule = to_chroma_filter(where, self._facts)
        near = self._walk(shelf, queries, min(max(_WIDE, _PER_HIT * top), MAX_HITS), None)
        kept = [[one for one in row if matches_filter(one[1], where, self._facts.facets)][:top] for row in near]
        hits = self._hits(kept)
        short = [row for row, found in enumerate(hits) if len(found) < top]
        if short:
            walked = self._hits(self._walk(shelf, queries[short], top, rule))
            if min(map(len, walked)) < top:
                walked = self._exact(shelf, queries[short], top, rule)
            for row, found in zip(short, walked, strict=True):
                hits[row] = found
        return hits

    def _exact(self, shelf: ChromaCollection, queries: NDArray[np.float32], top: int, rule: Any) -> list[list[Hit]]:
        kept = self._met(shelf, rule)
        chosen, far = find_nearest(queries, kept.rows, self._facts.distance, top)
        metadata = self._metadata(shelf, sorted({kept.ids[row] for row in chosen.ravel()}))
        return [
            [self._hit(kept.ids[row], metadata[kept.ids[row]], float(d)) for row, d in zip(*pair, strict=True)]
            for pair in zip(chosen, far, strict=True)
        ]

    def _met(self, shelf: ChromaCollection, rule: Any) -> IndexVectors:
        """Return the vectors of the images that meet a filter."""
        if rule is None:
            return self._all_vectors(shelf)
        ids = shelf.ids(rule)
        if self._vectors is None and len(ids) <= _FEW_IMAGES:
            return read_vectors(shelf, self._facts.dims, ids)
        return self._all_vectors(shelf).only(ids)

    def _all_vectors(self, shelf: ChromaCollection) -> IndexVectors:
        if self._vectors is None:
            self._vectors = read_vectors(shelf, self._facts.dims)
        return self._vectors

    def _metadata(self, shelf: ChromaCollection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        if not ids:
            return {}
        answer = shelf.do("get", ids=list(ids), include=["metadatas"])
        return dict(zip(answer["ids"], answer["metadatas"] or [], strict=True))

    def _hit(self, image_id: str, metadata: Mapping[str, Any], distance: float) -> Hit:
        facts = self._facts
        facets = {name: str(metadata[facet_key(name)]) for name in facts.facets if facet_key(name) in metadata}
        path = self._path(str(metadata.get("root", "")), str(metadata.get("path", "")))
        label, split, role = (str(metadata.get(key, "")) for key in ("label", "split", "role"))
        return Hit(image_id, path, label, split, facets, max(0.0, distance), role)

    def _path(self, root_key: str, name: str) -> str:
        """Return a file of a collection that is known here; a path that leads out of it is none."""
        root = self._facts.roots.get(root_key, "")
        if not root or not name:
            return ""
        folder = Path(found_place(root, workspace_of(self.folder)))
        return "" if why_outside(folder, name) else str(folder / name)
