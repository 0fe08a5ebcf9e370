"""The server: data routes, static files and Gradio's pages in one application, guarded."""

from __future__ import annotations

import warnings
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.staticfiles import StaticFiles

from atlantis_core.searching.places import FOLDER_NAME
from atlantis_dml.web.gallery_routes import add_gallery_routes
from atlantis_dml.web.guard import SameMachine
from atlantis_dml.web.limits import LargestBody
from atlantis_dml.web.pictures import add_picture_routes
from atlantis_dml.web.refusals import Refusal, add_refusals
from atlantis_dml.web.run_routes import add_run_routes
from atlantis_dml.web.search_api import Searches, add_search_api
from atlantis_dml.web.search_routes import add_search_routes
from atlantis_dml.web.steering_routes import add_steering_routes
from atlantis_dml.web.trace_routes import add_trace_routes

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

DATA_PATH = "/data"
API_PATH = "/api"
STATIC_PATH = "/own"
_ROUTES = (
    add_run_routes,
    add_steering_routes,
    add_picture_routes,
    add_gallery_routes,
    add_trace_routes,
    add_search_routes,
)
_UNUSED = ("/gradio_api/upload", "/gradio_api/process_recording")
"""Where Gradio would take any file; no part of the pages sends one there."""


def make_app(site: Site) -> FastAPI:
    """Return the whole web app.

    Args:
        site: What it shows.
    """
    import gradio

    from atlantis_dml.web.pages import make_pages

    app = make_data_app(site)
    for path in _UNUSED:
        app.add_api_route(path, _takes_nothing, methods=["POST"], include_in_schema=False)
    with warnings.catch_warnings():
        # Gradio says this of every app of several pages, whatever `ssr_mode` is.
        warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)
        mounted: FastAPI = gradio.mount_gradio_app(
            app,
            make_pages(site),
            path="/",
            theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=(folder() / "static" / "gradio.css").read_text(encoding="utf-8"),
            footer_links=[],
            ssr_mode=False,
            allowed_paths=[],
            max_file_size="8mb",
        )
    return mounted


def make_data_app(site: Site) -> FastAPI:
    """Return the application without its pages: what they ask for, documented at `/data/openapi.json`."""
    app = FastAPI(
        title="ATLANTIS",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{DATA_PATH}/openapi.json",
        responses={"4XX": {"model": Refusal, "description": "Refused; the line says why."}},
    )
    app.add_middleware(LargestBody)
    app.add_middleware(SameMachine)  # the outermost: strangers are not even counted
    router = APIRouter(prefix=DATA_PATH)
    for add in _ROUTES:
        add(router, site)
    app.include_router(router)
    api = APIRouter(prefix=API_PATH)
    add_search_api(api, Searches(site.workspace.folder / FOLDER_NAME))
    app.include_router(api)
    app.mount(STATIC_PATH, StaticFiles(directory=folder() / "static", follow_symlink=True))  # editable
    add_refusals(app)
    return app


def _takes_nothing() -> None:
    raise HTTPException(404, "no file is taken here; a picture to search with goes to /data/runs/RUN/search")


def folder() -> Path:
    """Return where static files and templates lie."""
    return Path(str(resources.files("atlantis_dml.web")))
