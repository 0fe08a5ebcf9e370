"""The HTTP API for image search; its schema is at `/data/openapi.json`.

`GET /api/indexes` lists the indexes; `POST /api/indexes/{name}/search` takes an image or a text.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response, UploadFile
from pydantic import BaseModel, Field

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.filters import parse_filters
from atlantis_core.searching.image_search import ImageSearch
from atlantis_core.searching.index_folders import find_named_folder, list_indexes
from atlantis_dml.app.index import describe_index
from atlantis_dml.web.images import LARGEST_SIDE_PX, thumbnail_response
from atlantis_dml.web.uploads import read_upload

MOST_HITS = 100

Filters = Annotated[
    list[str] | None, Form(description="COL=V; with several values of one column, any of them matches.")
]
"""Conditions on the images to search."""


class Index(BaseModel):
    """An index that can be searched."""

    index: str
    images: int
    complete: bool = Field(description="False while it is being built; it cannot be searched then.")
    distance: str
    dims: int
    model_hash: str = Field(description="Of the model that computed the embeddings.")
    columns: dict[str, list[str]] = Field(description="Columns to filter by, and their values.")
    recall_at_10: float | None = Field(description="Share of the 10 exact nearest neighbours that it finds.")


class Indexes(BaseModel):
    """All indexes of the workspace."""

    indexes: list[Index]


class Found(BaseModel):
    """An image of the index, by its id; its path stays on the server."""

    id: str
    label: str
    split: str
    facets: dict[str, str]
    distance: float = Field(description="Larger is farther.")
    file_state: str = Field(description="`changed` or `missing` since it was indexed; empty if neither.")


class Nearest(BaseModel):
    """The nearest images, nearest first."""

    index: str
    results: list[Found]


class OpenIndexes:
    """The indexes in a folder, opened on first use and kept open."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._open: dict[str, ImageSearch] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> ImageSearch:
        """Return an index by its name, never by a path.

        Raises:
            SetupError: There is no index of this name.
        """
        with self._lock:
            if name not in self._open:
                self._open[name] = ImageSearch(find_named_folder(name, self.home))
            return self._open[name]


def add_index_api(router: APIRouter, searches: OpenIndexes) -> None:
    """Add the routes of the API."""

    @router.get("/indexes")
    def indexes() -> Indexes:
        """List the indexes."""
        described = [describe_index(facts) for facts in list_indexes(searches.home)]
        return Indexes(indexes=[Index(**{name: one[name] for name in Index.model_fields}) for one in described])

    @router.post("/indexes/{name}/search")
    def search(
        name: str,
        file: UploadFile | None = None,
        text: Annotated[str, Form(max_length=2000, description="Instead of an image, for a clip: model.")] = "",
        top: Annotated[int, Form(ge=1, le=MOST_HITS)] = 10,
        where: Filters = None,
        exact: Annotated[bool, Form(description="Compare with every image.")] = False,
    ) -> Nearest:
        """Return the images nearest to an image or to a text."""
        found, given = searches.get(name), file is not None and bool(file.filename)
        if given == bool(text):
            raise SetupError("send one of the two: an image (file) or a text (text)")
        filters = parse_filters(where or [])
        if file is not None and given:
            hits = found.search(read_upload(file), top, filters, exact=exact)
        else:
            hits = found.search_text(text, top, filters, exact=exact)
        results = [
            Found(
                id=hit.id,
                label=hit.label,
                split=hit.split,
                facets=dict(hit.facets),
                distance=hit.distance,
                file_state=hit.file_state,
            )
            for hit in hits
        ]
        return Nearest(index=name, results=results)

    @router.get("/indexes/{name}/image/{image_id}", response_class=Response)
    def image(name: str, image_id: str, side: Annotated[int, Query(ge=16, le=LARGEST_SIDE_PX)] = 160) -> Any:
        """Return an image of the index as a small JPEG."""
        return thumbnail_response(searches.get(name).index.hit(image_id).path, image_id, side)
