"""What the search page asks for: the images of a run's collection that are nearest to a picture."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, UploadFile

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.filters import image_metadata, list_column_values, parse_filters
from atlantis_dml.web.images import find_image_path
from atlantis_dml.web.index_api import Filters
from atlantis_dml.web.uploads import read_upload

if TYPE_CHECKING:
    from atlantis_core.views.neighbours import Neighbour
    from atlantis_dml.web.site import Site

_ONE_AT_A_TIME = threading.Lock()
"""Models share the cores: two searches side by side would both be slower."""


def add_search_routes(router: APIRouter, site: Site) -> None:
    """Add `GET /runs/{run_id}/models` and `POST /runs/{run_id}/search`."""

    @router.get("/runs/{run_id}/models")
    def models(run_id: str) -> dict[str, Any]:
        """Return what can be searched with, and by what images can be filtered."""
        collection = site.look(run_id).session.collection
        columns = list_column_values(collection.facets, map(image_metadata, collection.images))
        return {"models": site.models(run_id), "columns": columns}

    @router.post("/runs/{run_id}/search")
    def search(
        run_id: str,
        file: UploadFile | None = None,
        key: Annotated[str, Form(max_length=200)] = "",
        top: Annotated[int, Form(ge=1, le=100)] = 12,
        where: Filters = None,
    ) -> dict[str, Any]:
        """Search with an uploaded picture, or with an image that the run knows by its key."""
        picture, rules = _picture(site, run_id, file, key), parse_filters(where or [])
        with _ONE_AT_A_TIME:
            near = {
                name: site.searching(run_id, name).nearest_to([picture], top + 1, rules)[0]
                for name in site.models(run_id)
            }
        found = {name: [_facts(one) for one in _others(each, key, top)] for name, each in near.items()}
        if not found:
            raise SetupError("this run has no trained model to search with yet")
        return {"models": found}


def _picture(site: Site, run_id: str, file: UploadFile | None, key: str) -> Any:
    if file is not None and file.filename:
        return read_upload(file)
    if key:
        return find_image_path(site, run_id, key)
    raise SetupError("no picture was given; choose one")


def _others(found: list[Neighbour], key: str, top: int) -> list[Neighbour]:
    """Leave out the image that was searched with."""
    return [near for near in found if near.image.id != key][:top]


def _facts(near: Neighbour) -> dict[str, Any]:
    image = near.image
    return {
        "id": image.id,
        "label": image.label,
        "split": image.split,
        "facets": image.facets,
        "nearness": near.nearness,
    }
