"""Assembles the web app: routes, static files, Gradio's pages and the guards."""

from __future__ import annotations

import warnings
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.staticfiles import StaticFiles

from atlantis_core.searching.index_folders import FOLDER_NAME
from atlantis_dml.web.error_responses import (
    Refusal,
    add_error_handlers,
    include_strict_router,
    refuse_unknown_parameters,
)
from atlantis_dml.web.guard import LoopbackOnly
from atlantis_dml.web.images import add_image_routes
from atlantis_dml.web.index_api import OpenIndexes, add_index_api
from atlantis_dml.web.limits import BodyLimit
from atlantis_dml.web.pages.gallery import add_gallery_routes
from atlantis_dml.web.pages.label import add_label_routes
from atlantis_dml.web.pages.runs import add_run_routes
from atlantis_dml.web.pages.search import add_search_routes
from atlantis_dml.web.pages.trace import add_trace_routes
from atlantis_dml.web.steering_api import add_steering_routes

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

DATA_PATH = "/data"
API_PATH = "/api"
STATIC_PATH = "/own"
_BLOCKED_UPLOADS = ("/gradio_api/upload", "/gradio_api/process_recording")
"""Routes where Gradio would accept any file; the pages do not use them."""


def make_app(site: Site) -> FastAPI:
    """Return the web app for a site."""
    import gradio

    from atlantis_dml.web.navigation import make_pages

    app = make_data_app(site)
    for path in _BLOCKED_UPLOADS:
        app.add_api_route(path, _refuse_upload, methods=["POST"], include_in_schema=False)
    with warnings.catch_warnings():
        # Gradio warns about every app with several pages, whatever `ssr_mode` is.
        warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)
        mounted: FastAPI = gradio.mount_gradio_app(
            app,
            make_pages(site),
            path="/",
            theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=(package_folder() / "static" / "gradio.css").read_text(encoding="utf-8"),
            footer_links=[],
            ssr_mode=False,
            allowed_paths=[],
            max_file_size="8mb",
        )
    return mounted


def make_data_app(site: Site) -> FastAPI:
    """Return the app without Gradio's pages: the routes they use, documented at `/data/openapi.json`."""
    app = FastAPI(
        title="ATLANTIS",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{DATA_PATH}/openapi.json",
        responses={"4XX": {"model": Refusal, "description": "Refused; `error` says why."}},
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(LoopbackOnly)  # added last, so it runs first
    router, api = (
        APIRouter(prefix=path, dependencies=[Depends(refuse_unknown_parameters)]) for path in (DATA_PATH, API_PATH)
    )
    add_run_routes(router, site)
    add_steering_routes(router, site)
    add_image_routes(router, site)
    add_gallery_routes(router, site)
    add_trace_routes(router, site)
    add_search_routes(router, site)
    add_label_routes(router, site)
    add_index_api(api, OpenIndexes(site.workspace.folder / FOLDER_NAME))
    for each in (router, api):
        include_strict_router(app, each)
    app.mount(STATIC_PATH, StaticFiles(directory=package_folder() / "static", follow_symlink=True))  # editable
    add_error_handlers(app)
    return app


def _refuse_upload() -> None:
    raise HTTPException(404, "files are not accepted here; to search with an image, post it to /data/runs/RUN/search")


def package_folder() -> Path:
    """Return the folder that holds static files and templates."""
    return Path(str(resources.files("atlantis_dml.web")))
