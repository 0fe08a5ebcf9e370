"""How an index is searched: with vectors, through Chroma's graph or exactly, with or without a filter."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import NotFoundError, SetupError
from atlantis_core.data.entries import why_outside
from atlantis_core.learning.serving.serving_file import FILE_NAME, StoredServing
from atlantis_core.records import Hit, IndexFacts
from atlantis_core.searching.chroma import ChromaCollection
from atlantis_core.searching.filters import Where, facet_key, matches_filter, to_chroma_filter
from atlantis_core.searching.hit_files import check_hit_file
from atlantis_core.searching.index_folders import (
    check_graph_files,
    check_index_model,
    lock_index,
    read_facts,
    workspace_of,
)
from atlantis_core.searching.served_search import ServedSearch
from atlantis_core.searching.vectors import (
    IndexVectors,
    compute_distances,
    find_nearest,
    read_vectors,
    to_query_vectors,
)
from atlantis_core.store.stored_paths import from_stored_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_HITS = 1000
"""Hits per query."""
_FEW_IMAGES = 20_000  # up to so many, only matching vectors are read for a query; beyond, all are read and kept
_WIDE, _PER_HIT = 100, 10  # nearest images that a filter is tried on first: at least, and per wanted hit
_MIN_CANDIDATES, _CANDIDATES = 200, 20  # the same, of Chroma's hits that are re-ranked by hyperbolic distance

NearestIds = tuple[str, Mapping[str, Any], float]
"""Id, Chroma's metadata, distance."""


class SearchIndex:
    """An index in a folder, safe to keep open: a query sees what other processes changed.

    Queries of several threads are answered one after another.

    Raises:
        SetupError: There is no index, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._chroma: ChromaCollection | None = None
        self._vectors: IndexVectors | None = None
        """All of them, kept from the first exact query until the index changes."""
        self._served: ServedSearch | None = None
        """Kept like them, if the index has a serving."""
        self._facts = read_facts(folder)

    @property
    def facts(self) -> IndexFacts:
        """The facts of the index as they are on disk now."""
        return read_facts(self.folder)

    def close(self) -> None:
        """Close files and connections; the next query opens them again."""
        with self._lock:
            if self._chroma is not None:
                self._chroma.close()
            self._chroma = self._vectors = self._served = None

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
            vectors: One query vector (D) or several (Q, D), by the model of the index.
            top: Hits per query, 1 to `MAX_HITS`; fewer if fewer images match the filter.
            where: Filter by label, split, role or facets; see `filters.Where`.
            exact: Compare with every image instead of searching the graph; an index with a serving always does.
            made_by: Hash of the model that computed the vectors; None skips the check.

        Raises:
            SetupError: The vectors are another model's or do not fit, a column or value is unknown, or the index
                cannot be read.
        """
        if not 1 <= top <= MAX_HITS:
            raise SetupError(f"top {top} is not from 1 to {MAX_HITS}")
        with self._lock, lock_index(self.folder, writing=False):
            chroma = self._reopen()
            if made_by is not None:
                check_index_model(self._facts, made_by)
            queries = to_query_vectors(vectors, self._facts.dims, self._facts.distance)
            rule = to_chroma_filter(where or {}, self._facts)
            if not self._facts.images:
                return [[] for _ in queries]
            if self._facts.serving:
                return self._query_served(chroma, queries, top, rule)
            if exact:
                return self._query_exactly(chroma, queries, top, rule)
            if not where:
                return self._to_hits(self._query_graph(chroma, queries, top, None))
            return self._query_filtered(chroma, queries, top, where, rule)

    def hit(self, image_id: str) -> Hit:
        """Return an image of the index by its id, at distance 0; a `NotFoundError` if there is none."""
        with self._lock, lock_index(self.folder, writing=False):
            found = self._reopen().metadata([image_id])
        if not found.get(image_id):
            raise NotFoundError(f"there is no image {image_id[:80]!r} in index {self._facts.name!r}")
        return self._to_hit(image_id, found[image_id], 0.0)

    def vectors(self) -> IndexVectors:
        """Return all vectors; they are kept in memory until the index changes."""
        with self._lock, lock_index(self.folder, writing=False):
            return self._all_vectors(self._reopen())

    def _reopen(self) -> ChromaCollection:
        """Return the open collection, opened anew if the index changed."""
        facts = read_facts(self.folder)
        if not facts.complete:
            raise SetupError(
                f"index {facts.name!r} is not complete: filling it was interrupted; run `atlantis index` again"
            )
        if self._chroma is not None and facts == self._facts:
            return self._chroma
        self.close()
        check_graph_files(self.folder, facts)
        self._facts, self._chroma = facts, ChromaCollection(self.folder, facts)
        return self._chroma

    def _query_graph(
        self, chroma: ChromaCollection, queries: NDArray[np.float32], top: int, rule: Any
    ) -> list[list[NearestIds]]:
        """Search Chroma's graph; re-rank its candidates if Chroma does not know our distance."""
        distance = self._facts.distance
        rerank = distance != "cosine"
        answer = chroma.call(
            "query",
            query_embeddings=queries,
            n_results=max(_MIN_CANDIDATES, _CANDIDATES * top) if rerank else top,
            where=rule,
            include=["metadatas", "distances", *(["embeddings"] if rerank else [])],
        )
        found = []
        for row, (ids, metadata) in enumerate(zip(answer["ids"], answer["metadatas"] or [], strict=True)):
            far = np.asarray((answer["distances"] or [])[row], np.float32)
            if rerank and ids:
                near = np.asarray((answer["embeddings"] or [])[row], np.float32)
                far = compute_distances(queries[row : row + 1], near, distance)[0]
            order = np.argsort(far, kind="stable")[:top]
            found.append([(ids[i], metadata[i], float(far[i])) for i in order])
        return found

    def _query_filtered(
        self, chroma: ChromaCollection, queries: NDArray[np.float32], top: int, where: Where, rule: Any
    ) -> list[list[Hit]]:
        """Filter the nearest images, which is fast; if too few match, let Chroma filter while it searches.

        If that finds too few as well, compare exactly: the graph search may miss images that match a rare filter.
        """
        near = self._query_graph(chroma, queries, min(max(_WIDE, _PER_HIT * top), MAX_HITS), None)
        kept = [[one for one in row if matches_filter(one[1], where, self._facts.facets)][:top] for row in near]
        hits = self._to_hits(kept)
        short = [row for row, found in enumerate(hits) if len(found) < top]
        if short:
            more = self._to_hits(self._query_graph(chroma, queries[short], top, rule))
            if min(map(len, more)) < top:
                more = self._query_exactly(chroma, queries[short], top, rule)
            for row, found in zip(short, more, strict=True):
                hits[row] = found
        return hits

    def _query_exactly(
        self, chroma: ChromaCollection, queries: NDArray[np.float32], top: int, rule: Any
    ) -> list[list[Hit]]:
        vectors = self._matching_vectors(chroma, rule)
        rows, far = find_nearest(queries, vectors.rows, self._facts.distance, top)
        metadata = chroma.metadata(sorted({vectors.ids[row] for row in rows.ravel()}))
        return [
            [
                self._to_hit(vectors.ids[row], metadata[vectors.ids[row]], float(d))
                for row, d in zip(*pair, strict=True)
            ]
            for pair in zip(rows, far, strict=True)
        ]

    def _query_served(
        self, chroma: ChromaCollection, queries: NDArray[np.float32], top: int, rule: Any
    ) -> list[list[Hit]]:
        served = self._open_served(chroma)
        allowed = None
        if rule is not None:
            matching = set(chroma.ids(rule))
            allowed = np.array([image_id in matching for image_id in served.ids])
        found = served.find(queries, top, allowed)
        metadata = chroma.metadata(sorted({image_id for row in found for image_id, _ in row}))
        return [[self._to_hit(image_id, metadata[image_id], far) for image_id, far in row] for row in found]

    def _open_served(self, chroma: ChromaCollection) -> ServedSearch:
        if self._served is None:
            stored = StoredServing.load(self.folder)
            if stored is None or stored.text != self._facts.serving:
                raise SetupError(
                    f"index {self._facts.name!r} is damaged: {FILE_NAME} is not that of its serving "
                    f"{self._facts.serving!r}; run `atlantis index` with --serving again"
                )
            vectors = self._all_vectors(chroma)
            metadata = chroma.metadata(list(vectors.ids))
            labels = [str(metadata[image_id].get("label", "")) for image_id in vectors.ids]
            self._served = ServedSearch(
                stored, vectors, labels, [self._facets_of(metadata[image_id]) for image_id in vectors.ids]
            )
        return self._served

    def _matching_vectors(self, chroma: ChromaCollection, rule: Any) -> IndexVectors:
        if rule is None:
            return self._all_vectors(chroma)
        ids = chroma.ids(rule)
        if self._vectors is None and len(ids) <= _FEW_IMAGES:
            return read_vectors(chroma, self._facts.dims, ids)
        return self._all_vectors(chroma).only(ids)

    def _all_vectors(self, chroma: ChromaCollection) -> IndexVectors:
        if self._vectors is None:
            self._vectors = read_vectors(chroma, self._facts.dims)
        return self._vectors

    def _to_hits(self, near: list[list[NearestIds]]) -> list[list[Hit]]:
        return [[self._to_hit(*one) for one in row] for row in near]

    def _to_hit(self, image_id: str, metadata: Mapping[str, Any], distance: float) -> Hit:
        facets = self._facets_of(metadata)
        path = self._path(str(metadata.get("root", "")), str(metadata.get("path", "")))
        label, split, role = (str(metadata.get(key, "")) for key in ("label", "split", "role"))
        state = check_hit_file(image_id, path, self.folder)
        return Hit(image_id, path, label, split, facets, max(0.0, distance), role, state)

    def _facets_of(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        keys = {name: facet_key(name) for name in self._facts.facets}
        return {name: str(metadata[key]) for name, key in keys.items() if key in metadata}

    def _path(self, root_key: str, name: str) -> str:
        """Return the path of a file in a known collection; empty if it leads out of the collection."""
        root = self._facts.roots.get(root_key, "")
        if not root or not name:
            return ""
        folder = Path(from_stored_path(root, workspace_of(self.folder)))
        return "" if why_outside(folder, name) else str(folder / name)
