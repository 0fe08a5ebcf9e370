"""The search page: the images of a run's collection that are nearest to a query image."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, UploadFile

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.filters import image_metadata, list_column_values, parse_filters
from atlantis_dml.web.images import describe_neighbour, find_image_path
from atlantis_dml.web.index_api import Filters
from atlantis_dml.web.uploads import read_upload

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

_ONE_AT_A_TIME = threading.Lock()
"""Models share the cores, so two searches at once would both be slower."""


def add_search_routes(router: APIRouter, site: Site) -> None:
    """Add `GET /runs/{run_id}/models` and `POST /runs/{run_id}/search`."""

    @router.get("/runs/{run_id}/models")
    def models(run_id: str) -> dict[str, Any]:
        """Return the models to search with, and the columns to filter by with their values."""
        collection = site.load_run(run_id).session.collection
        columns = list_column_values(collection.facets, map(image_metadata, collection.images))
        return {"models": site.list_models(run_id), "columns": columns}

    @router.post("/runs/{run_id}/search")
    def search(
        run_id: str,
        file: UploadFile | None = None,
        key: Annotated[str, Form(max_length=200)] = "",
        top: Annotated[int, Form(ge=1, le=100)] = 12,
        where: Filters = None,
    ) -> dict[str, Any]:
        """Search with an uploaded image, or with one of the run's images by its key."""
        if file is not None and file.filename:
            query: Any = read_upload(file)
        elif key:
            query = find_image_path(site, run_id, key)
        else:
            raise SetupError("no query image; send a file, or the key of an image")
        filters = parse_filters(where or [])
        with _ONE_AT_A_TIME:
            found = {
                name: site.search_model(run_id, name).nearest_to([query], top + 1, filters)[0]
                for name in site.list_models(run_id)
            }
        if not found:
            raise SetupError("this run has no trained model to search with yet")
        others = {name: [one for one in near if one.image.id != key][:top] for name, near in found.items()}
        return {"models": {name: [describe_neighbour(one) for one in near] for name, near in others.items()}}
