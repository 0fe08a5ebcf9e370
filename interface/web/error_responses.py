"""Refusals as `{"error": "one line"}`, which never echo the whole request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from atlantis_core.base.errors import AtlantisError, NotFoundError
from atlantis_core.base.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastapi import APIRouter, FastAPI

_LONGEST_LINE, _LONGEST_NAME = 500, 80
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Refusal(BaseModel):
    """Why a request was refused."""

    error: str


def add_error_handlers(app: FastAPI) -> None:
    """Make an application answer errors with one line, cleaned of what JSON cannot hold."""

    @app.exception_handler(AtlantisError)
    def failed(_request: Request, error: Any) -> JSONResponse:
        return _refuse(404 if isinstance(error, NotFoundError) else 400, str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(_request: Request, error: Any) -> JSONResponse:
        return _refuse(422, _first_of(error))

    @app.exception_handler(HTTPException)
    def not_served(_request: Request, error: Any) -> JSONResponse:
        return _refuse(error.status_code, str(error.detail), error.headers)


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters and form fields that a route does not have, so that typos are noticed.

    A dependency of routers.

    Raises:
        RequestValidationError: Names the unknown parameter and the known ones.
    """
    accepted = request.scope["route"].dependant
    _check_names("query", request.query_params, accepted.query_params)
    if any(isinstance(field.field_info, Form) for field in accepted.body_params):
        _check_names("body", await request.form(), accepted.body_params)


def _check_names(place: str, given: Iterable[str], fields: Iterable[Any]) -> None:
    known = [field.alias for field in fields]
    for name in given:
        if name not in known:
            message = f"unknown; known: {', '.join(known) or 'none'}"
            raise RequestValidationError(
                [{"type": "extra_forbidden", "loc": (place, name[:_LONGEST_NAME]), "msg": message}]
            )


def include_strict_router(app: FastAPI, router: APIRouter) -> None:
    """Include a router and refuse all other paths below its prefix, before Gradio answers them in its own way."""
    app.include_router(router)

    @app.api_route(f"{router.prefix}/{{rest:path}}", methods=_METHODS, include_in_schema=False)
    def nothing_there(request: Request) -> None:
        matching = [route for route in router.routes if route.matches(request.scope)[0] is Match.PARTIAL]
        if not matching:
            raise HTTPException(404, f"no such address; {app.openapi_url} lists all")
        allowed = ", ".join(sorted({method for route in matching for method in getattr(route, "methods", ())}))
        raise HTTPException(405, f"{request.method} is not allowed here; allowed: {allowed}", {"Allow": allowed})


def _refuse(status: int, line: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Refusal(error=clean_text(line, _LONGEST_LINE)).model_dump(), status, headers)


def _first_of(error: RequestValidationError) -> str:
    """Say where the first mistake is and what is expected there, without the value itself."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"the body is not valid JSON: {first['ctx']['error']}"
    where = ".".join(map(str, first["loc"]))
    if "UploadFile" in first["msg"]:
        return f"{where}: expected a file, got text (with curl: -F {first['loc'][-1]}=@image.jpg)"
    return f"{where}: {first['msg']}"
