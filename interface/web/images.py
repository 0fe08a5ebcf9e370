"""Images as pages show them: thumbnails by key, and facts. A browser never names a path."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response

from atlantis_core.base.errors import AtlantisError, NotFoundError
from atlantis_dml.report.thumbnails import make_thumbnail

if TYPE_CHECKING:
    from atlantis_core.run.verdicts import ScreenedCandidate
    from atlantis_core.views.neighbours import Neighbour
    from atlantis_dml.web.site import Site

LARGEST_SIDE_PX = 1024
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def add_image_routes(router: APIRouter, site: Site) -> None:
    """Add `GET /runs/{run_id}/image/{key}`: a JPEG of a candidate or of a training or validation image."""

    @router.get("/runs/{run_id}/image/{key}", response_class=Response)
    def image(run_id: str, key: str, side: Annotated[int, Query(ge=16, le=LARGEST_SIDE_PX)] = 160) -> Any:
        return thumbnail_response(find_image_path(site, run_id, key), key, side)


def thumbnail_response(path: str, key: str, side_px: int) -> Response:
    """Return an image's thumbnail as a response that a browser may cache.

    Raises:
        NotFoundError: The file is gone or damaged.
    """
    try:
        data = _thumbnail(path, side_px)
    except AtlantisError as error:
        raise NotFoundError(f"image {key[:40]!r} cannot be shown: its file is gone or damaged") from error
    return Response(data, media_type="image/jpeg", headers=_FOREVER)


def find_image_path(site: Site, run_id: str, key: str) -> str:
    """Return the file of a run's image; images of the sealed test split are not found.

    Raises:
        NotFoundError: The run has no such image.
    """
    path = site.load_run(run_id).paths.get(key)
    if path is None:
        raise NotFoundError(f"run {run_id[:40]!r} has no image {key[:40]!r}")
    return path


def describe_candidate(row: ScreenedCandidate) -> dict[str, Any]:
    """Return how a synthetic image was generated, from which source, and its verdict."""
    one, verdict = row.candidate, row.verdict
    return {
        "key": one.key,
        "round": row.round,
        "class": one.cell.class_name,
        "facet": one.cell.facet,
        "value": one.cell.value,
        "prompt": one.prompt,
        "generator": one.generator,
        "seed": str(one.seed),  # JavaScript numbers have 53 bits
        "source": one.source_id,
        "status": row.status,
        "by_hand": row.is_manual,
        "final": row.is_final,
        "verdict": asdict(verdict) if verdict else None,
    }


def describe_neighbour(neighbour: Neighbour) -> dict[str, Any]:
    """Return what a real image is and how near it is to the query."""
    image = neighbour.image
    return {
        "id": image.id,
        "label": image.label,
        "split": image.split,
        "facets": image.facets,
        "nearness": neighbour.nearness,
    }


_thumbnail = lru_cache(maxsize=4096)(make_thumbnail)
