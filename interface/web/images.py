"""Pictures for pages: thumbnails of images that a run knows, by their keys. No path ever comes from a browser."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from atlantis_core.base.errors import AtlantisError, NotFoundError
from atlantis_dml.report.thumbnails import make_thumbnail

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

LARGEST_SIDE_PX = 1024
_KEPT = 4096
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def add_image_routes(router: APIRouter, site: Site) -> None:
    """Add `GET /runs/{run_id}/image/{key}`: a JPEG of a candidate or of a training or validation image."""

    @router.get("/runs/{run_id}/image/{key}", response_class=Response)
    def image(run_id: str, key: str, side: Annotated[int, Query(ge=16, le=LARGEST_SIDE_PX)] = 160) -> Any:
        path = find_image_path(site, run_id, key)
        return thumbnail_response(path, key, side)


def thumbnail_response(path: str, key: str, side_px: int) -> Response:
    """Return a picture's thumbnail as an answer that a browser may keep.

    Raises:
        NotFoundError: The file has gone or is damaged.
    """
    try:
        data = _thumbnail(path, side_px)
    except AtlantisError as error:
        raise NotFoundError(f"image {key[:40]!r} cannot be shown: its file is gone or damaged") from error
    return Response(data, media_type="image/jpeg", headers=_FOR_EVER)


def find_image_path(site: Site, run_id: str, key: str) -> str:
    """Return where an image of a run lies; the sealed test split is not among them.

    Raises:
        NotFoundError: The run knows no such image.
    """
    looked = site.look(run_id)
    path = looked.paths.get(key)
    if path is None:
        raise NotFoundError(f"run {run_id[:40]!r} knows no image {key[:40]!r}")
    return path


_thumbnail = lru_cache(maxsize=_KEPT)(make_thumbnail)
