"""Searches an index by an image or a text, for `atlantis search`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_dml.app.index import index_home, load_index_embedder
from atlantis_dml.app.output import announce

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.searching.filters import Where
    from atlantis_core.searching.image_search import ImageSearch


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A query for an index, as typed: an image or a text."""

    image: Path | None
    text: str | None = None
    top: int = 10
    where: Where | None = None
    exact: bool = False


def open_search(index: str, workspace: Path | None = None, model: str | None = None) -> ImageSearch:
    """Open an index for searching, by the model that it records, or by this one if it was moved.

    Raises:
        SetupError: There is no such index, or it was filled by another model.
    """
    from atlantis_core.searching.image_search import ImageSearch
    from atlantis_core.searching.index_folders import find_index_folder, read_facts

    folder = find_index_folder(index, index_home(workspace))
    if model is None:
        return ImageSearch(folder)
    facts = read_facts(folder)
    return ImageSearch(folder, load_index_embedder(model, facts.embedding, workspace, facts.model_hash)[1])


def query_index(index: str, query: SearchQuery, workspace: Path | None, model: str | None = None) -> dict[str, Any]:
    """Search an index.

    Raises:
        SetupError: A setting has to be fixed, or the image or index does not exist.
    """
    if (query.image is None) == (query.text is None):
        raise SetupError("search with either an image (IMAGE) or words (--text)")
    image = read_query_image(query.image) if query.image is not None else None
    announce(f"searching {index}")
    found = open_search(index, workspace, model)
    try:
        vector = found.embedder.embed([image])[0] if image else found.embedder.embed_text([query.text or ""])[0]
        started = time.monotonic()
        hits = found.search_vector(vector, query.top, query.where, exact=query.exact)
        seconds = time.monotonic() - started
        facts = found.facts
    finally:
        found.close()
    return {
        "index": facts.name,
        "query": str(query.image) if query.image else query.text,
        "top": query.top,
        "where": dict(query.where or {}),
        "exact": query.exact,
        "distance": facts.distance,
        "seconds": round(seconds, 4),
        "results": [as_json(hit) | {"distance": round(hit.distance, 6)} for hit in hits],
    }


def read_query_image(path: Path) -> Image:
    """Read the query image before a model is loaded.

    Raises:
        SetupError: There is no such image, or it cannot be read.
    """
    from atlantis_core.learning.inputs.preprocessing import decode_image

    if not path.expanduser().is_file():
        raise SetupError(f"there is no image {str(path)!r}; check the path")
    return decode_image(path.expanduser())
