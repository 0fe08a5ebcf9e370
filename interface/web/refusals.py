"""What is refused is said as `{"error": "one line"}`, whoever refuses it; what was sent is not echoed whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from atlantis_core.data.text import clean
from atlantis_core.errors import AtlantisError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

_LONGEST_LINE = 500


class Refusal(BaseModel):
    """Why a request is not answered."""

    error: str


def add_refusals(app: FastAPI) -> None:
    """Let an application say its refusals in one line, cleaned: the text may hold what no JSON can."""

    @app.exception_handler(AtlantisError)
    def mistaken(_request: Request, error: Any) -> JSONResponse:
        return _refused(400, str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(_request: Request, error: Any) -> JSONResponse:
        return _refused(422, _first_of(error))

    @app.exception_handler(HTTPException)
    def not_served(_request: Request, error: Any) -> JSONResponse:
        return _refused(error.status_code, str(error.detail))


def _refused(status: int, line: str) -> JSONResponse:
    return JSONResponse(Refusal(error=clean(line, _LONGEST_LINE)).model_dump(), status)


def _first_of(error: RequestValidationError) -> str:
    """Return where the first mistake is and what is wanted there; the value itself stays out."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"the body is no JSON: {first['ctx']['error']}"
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
