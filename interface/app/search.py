"""Searches an index by an image or a text, for `atlantis search`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.index import index_home, load_index_embedder

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.searching.filters import Where
    from atlantis_core.searching.image_search import ImageSearch


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What an index is asked, as typed."""

    image: Path | None
    text: str | None = None
    top: int = 10
    where: Where | None = None
    exact: bool = False


def open_search(index: str, workspace: Path | None = None, model: str | None = None) -> ImageSearch:
    """Open an index to ask it.

    Args:
        index: Its name or folder.
        workspace: Where a name is looked up.
        model: The model of the index, where it was moved; None takes the one that is written down.

    Raises:
        SetupError: There is no such index, or the model is another one.
    """
    from atlantis_core.searching.image_search import ImageSearch
    from atlantis_core.searching.index_folders import find_index_folder, read_facts

    folder = find_index_folder(index, index_home(workspace))
    if model is None:
        return ImageSearch(folder)
    facts = read_facts(folder)
    return ImageSearch(folder, load_index_embedder(model, facts.embedding, workspace, facts.model_hash)[1])


def query_index(index: str, query: SearchQuery, workspace: Path | None, model: str | None = None) -> dict[str, Any]:
    """Ask an index.

    Raises:
        SetupError: Anything a person must mend.
    """
    if (query.image is None) == (query.text is None):
        raise SetupError("ask with one of the two: a picture (IMAGE) or words (--text)")
    picture = _read_query_image(query.image) if query.image is not None else None
    found = open_search(index, workspace, model)
    try:
        vector = found.embedder.embed([picture])[0] if picture else found.embedder.embed_text([query.text or ""])[0]
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
        "results": [describe_hit(hit) for hit in hits],
    }


def _read_query_image(path: Path) -> Image:
    """Read what is asked with, before a model is loaded for it."""
    from atlantis_core.data.image_io import pillow_warning_filter
    from atlantis_core.learning.inputs.preprocessing import decode_image

    if not path.expanduser().is_file():
        raise SetupError(f"there is no picture {str(path)!r}; check the path")
    with pillow_warning_filter():
        return decode_image(path.expanduser())


def describe_hit(hit: Any) -> dict[str, Any]:
    """Return a hit as JSON."""
    from atlantis_core.base.serialization import as_json

    facts: dict[str, Any] = as_json(hit)
    return facts | {"distance": round(hit.distance, 6)}
