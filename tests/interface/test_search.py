"""`atlantis index`, `search`, `indexes`, `unindex`, the same from Python, and over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

import atlantis_dml
from atlantis_core.errors import AtlantisError
from atlantis_dml.cli import _answer
from atlantis_dml.web.search_api import Searches, add_search_api


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    workspace = tmp_path_factory.mktemp("search")
    return workspace, atlantis_dml.index("harbor-student", "harbor-tiny", name="boats", workspace=workspace)


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert _answer([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_was_indexed_is_told(indexed) -> None:
    _, facts = indexed
    assert (facts["index"], facts["images"], facts["sealed"]) == ("boats", 145, 64)
    assert facts["columns"]["condition"] == ["day", "night"]
    assert facts["recall_at_10"] == 1.0


def test_an_image_finds_itself_first(indexed, capsys) -> None:
    workspace, _ = indexed
    image = next((workspace / "collections").rglob("train-night-00.png"))
    found = _json(capsys, "search", "boats", str(image), "--top", "3", "--workspace", str(workspace))
    assert found["results"][0]["path"] == str(image)
    assert found["results"][0]["distance"] == pytest.approx(0, abs=1e-4)
    night = _json(capsys, "search", "boats", str(image), "--where", "condition=night", "--workspace", str(workspace))
    assert {hit["facets"]["condition"] for hit in night["results"]} == {"night"}
    exact = _json(capsys, "search", "boats", str(image), "--exact", "--workspace", str(workspace))
    assert [hit["id"] for hit in exact["results"]][:3] == [hit["id"] for hit in found["results"]]
    hits = atlantis_dml.open_index("boats", workspace).search(image, top=1)
    assert hits[0].path == str(image)


@pytest.mark.parametrize(
    ("arguments", "telling"),
    [
        (["search", "nowhere", "{image}"], "there is no index 'nowhere'"),
        (["search", "boats", "nowhere.png"], "there is no picture"),
        (["search", "boats"], "ask with one of the two"),
        (["search", "boats", "--text", "a boat"], "cannot be asked in words"),
        (["search", "boats", "{image}", "--where", "condition=noon"], "no image has condition=noon"),
        (["search", "boats", "{image}", "--top", "0"], "top 0"),
        (["search", "boats", "{image}", "--model", "test_vit"], "was made by model"),
        (["index", "harbor-student", "harbor-tiny", "--split", "test"], "sealed"),
        (["index", "harbor-student", "nowhere"], "there is no folder"),
        (["index", "clip:", "harbor-tiny"], "names no model"),
        (["unindex", "boats"], ""),
    ],
)
def test_mistakes_are_one_line(indexed, arguments: list[str], telling: str, capsys) -> None:
    workspace, _ = indexed
    image = next((workspace / "collections").rglob("train-night-00.png"))
    named = [argument.format(image=image) for argument in arguments]
    assert _answer([*named, "--workspace", str(workspace)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("  ")]
    assert len(said) == 1
    assert telling in said[0]


def test_over_http(indexed) -> None:
    workspace, _ = indexed
    app, router = FastAPI(), APIRouter()
    add_search_api(router, Searches(workspace / "index"))
    app.include_router(router)
    app.add_exception_handler(AtlantisError, lambda _, error: JSONResponse({"error": str(error)}, status_code=400))
    image = next((workspace / "collections").rglob("train-night-00.png"))
    with TestClient(app) as client:
        (index,) = client.get("/indexes").json()["indexes"]
        assert (index["index"], index["images"]) == ("boats", 145)
        upload = {"file": ("q.png", image.read_bytes(), "image/png")}
        found = client.post("/indexes/boats/search", files=upload, data={"top": 2, "where": "condition=night"}).json()
        assert found["results"][0]["label"] in image.parent.name
        assert len(found["results"]) == 2
        shown = client.get(f"/indexes/boats/image/{found['results'][0]['id']}")
        assert shown.headers["content-type"] == "image/jpeg"
        assert client.get("/indexes/boats/image/..%2f..%2fetc%2fpasswd").status_code in {400, 404}
        for name, data in (("..%2fboats", {}), ("nowhere", {}), ("boats", {}), ("boats", {"text": "a boat"})):
            assert client.post(f"/indexes/{name}/search", data=data).status_code in {400, 404}
        bad = client.post("/indexes/boats/search", files={"file": ("q.png", b"no", "image/png")})
        assert (bad.status_code, "no picture" in bad.json()["error"]) == (400, True)
        assert "where" in str(client.get("/openapi.json").json()["components"]["schemas"])
