"""Asking an index with pictures or words: the index and the model that made it, together."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.records import Hit, IndexFacts
from atlantis_core.searching.embedder import Embedder, load_embedder
from atlantis_core.searching.filters import Where
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_creation import check_index_model
from atlantis_core.searching.index_folders import workspace_of

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageSearch:
    """An index that is asked with pictures, vectors or words.

    Args:
        folder: Of the index, see `places.index_folder`.
        embedder: The model that made it; None loads it when it is first needed.

    Raises:
        SetupError: There is no such index, or another model made it.
    """

    def __init__(self, folder: Path, embedder: Embedder | None = None) -> None:
        self.index = SearchIndex(folder)
        self._lock = threading.Lock()
        self._given = embedder
        self._loaded: Embedder | None = None
        if embedder is not None:
            check_index_model(self.index.facts, embedder.model_hash)

    @property
    def embedder(self) -> Embedder:
        """The model of the index as it is now: it may have been made anew, by another model, while this was open.

        Raises:
            SetupError: The model is gone, its weights are others now, or the one that was given is not the index's.
        """
        facts = self.index.facts
        with self._lock:
            if self._given is None and (self._loaded is None or self._loaded.model_hash != facts.model_hash):
                inside = workspace_of(self.index.folder) / facts.model
                model = inside if inside.exists() else facts.model
                self._loaded = load_embedder(model, facts.embedding, facts.model_hash)
            found = self._given or self._loaded
        assert found is not None
        check_index_model(facts, found.model_hash)
        return found

    @property
    def facts(self) -> IndexFacts:
        """What is said of the index now."""
        return self.index.facts

    def search(
        self, image: str | Path | Image, top: int = 10, where: Where | None = None, *, exact: bool = False
    ) -> list[Hit]:
        """Return the images most like one, nearest first.

        Args:
            image: A path, or a decoded picture.
            top: Hits, fewer where fewer images meet the filter.
            where: Column -> value or values: `label`, `split`, `role` or a facet; all columns must be met.
            exact: Compare with every image instead of walking the graph.

        Raises:
            SetupError: The picture cannot be read, there is no such column or value, or the index cannot be used.
        """
        model = self.embedder
        return self.index.query(model.embed([image]), top, where, exact=exact, made_by=model.model_hash)[0]

    def search_vector(
        self, vector: object, top: int = 10, where: Where | None = None, *, exact: bool = False
    ) -> list[Hit]:
        """Return the images nearest to an embedding (D) by the model of the index; see `search`.

        Raises:
            SetupError: The vector does not fit, or as `search`.
        """
        return self.index.query(vector, top, where, exact=exact)[0]

    def search_text(self, text: str, top: int = 10, where: Where | None = None, *, exact: bool = False) -> list[Hit]:
        """Return the images that a text describes; see `search`.

        Raises:
            SetupError: The model of the index knows no words, or as `search`.
        """
        model = self.embedder
        return self.index.query(model.embed_text([text]), top, where, exact=exact, made_by=model.model_hash)[0]

    def close(self) -> None:
        """Let go of files and connections; the next question opens them again."""
        self.index.close()
