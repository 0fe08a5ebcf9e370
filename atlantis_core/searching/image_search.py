"""Search an index with images or text: the index together with the model that built it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.records import Hit, IndexFacts
from atlantis_core.searching.embedder import Embedder, load_embedder
from atlantis_core.searching.filters import Where
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_folders import check_index_model, workspace_of

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageSearch:
    """An index that is searched with images, vectors or text.

    Without an `embedder`, the model that built the index is loaded when it is first needed.

    Raises:
        SetupError: There is no such index, or another model built it.
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
        """The model of the index as it is now: it may have been rebuilt with another model meanwhile.

        Raises:
            SetupError: The model is gone, its weights changed, or the given one is not the index's.
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
        """The facts of the index now."""
        return self.index.facts

    def search(
        self, image: str | Path | Image, top: int = 10, where: Where | None = None, *, exact: bool = False
    ) -> list[Hit]:
        """Return the images most similar to one, nearest first.

        The image is a path or decoded. `top`, `where` and `exact` are those of `SearchIndex.query`.

        Raises:
            SetupError: The image cannot be read, a column or value is unknown, or the index cannot be used.
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
            SetupError: The model of the index does not embed text, or as `search`.
        """
        model = self.embedder
        return self.index.query(model.embed_text([text]), top, where, exact=exact, made_by=model.model_hash)[0]

    def close(self) -> None:
        """Close files and connections; the next query opens them again."""
        self.index.close()
