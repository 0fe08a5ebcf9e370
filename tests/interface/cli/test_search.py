"""`atlantis index`, `search`, `indexes`, `unindex`, the same from Python, and over HTTP."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from PIL import Image

import atlantis_dml
from atlantis_dml.cli.main import main
from atlantis_dml.web.error_responses import add_error_handlers
from atlantis_dml.web.index_api import OpenIndexes, add_index_api
from atlantis_dml.web.limits import LARGEST_BODY, BodyLimit
from atlantis_dml.web.uploads import LARGEST_BYTES


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    workspace = tmp_path_factory.mktemp("search")
    return workspace, atlantis_dml.index("harbor-student", "harbor-tiny", name="boats", workspace=workspace)


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _shelf(folder: Path) -> Path:
    """Photos of two classes in dark and bright, with metadata of which no column is a facet."""
    rows = ["file_name,label,group,shop,object"]
    for number in range(16):
        label, level = ("apple", "carrot")[number % 2], (40, 220)[number // 2 % 2]
        noise = np.random.default_rng(number).integers(-35, 35, (64, 64, 3))
        Image.fromarray((level + noise).astype(np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{label},{'fruit' if label == 'apple' else 'root'},north,{number}")
    (folder / "metadata.csv").write_text("\n".join(rows))
    return folder


def test_it_filters_by_columns_that_are_no_facets_and_by_what_is_measured(tmp_path: Path, capsys) -> None:
    photos, where = _shelf(tmp_path), ("--workspace", str(tmp_path / "workspace"))
    assert main(["index", "harbor-student", str(photos), "--name", "shelf", "--no-check", *where]) == 0
    told = capsys.readouterr()
    assert "columns without a filter, since almost every image has another value: object" in told.err
    assert "columns for --where: group, shop, light" in told.out
    asked = ("search", "shelf", str(photos / "0.png"), *where)
    assert {hit["label"] for hit in _json(capsys, *asked, "--where", "group=root")["results"]} == {"carrot"}
    dark = _json(capsys, *asked, "--where", "light=dark")["results"]
    assert {int(Path(hit["path"]).stem) // 2 % 2 for hit in dark} == {0}
    named = _json(capsys, "index", "harbor-student", str(photos), "--facets", "group,object", "--name", "own", *where)
    assert named["facets"] == ["group", "object"]


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
        (["search", "boats", "nowhere.png"], "there is no image"),
        (["search", "boats"], "search with either an image"),
        (["search", "boats", "--text", "a boat"], "cannot be searched with text"),
        (["search", "boats", "{image}", "--where", "condition=noon"], "no image has condition=noon"),
        (["search", "boats", "{image}", "--top", "0"], "top 0"),
        (["search", "boats", "{image}", "--model", "scratch:test_vit"], "was made by model"),
        (["index", "harbor-student", "harbor-tiny", "--split", "test"], "sealed"),
        (["index", "harbor-student", "nowhere"], "there is no folder"),
        (["search", "boats", "{text}", "--model", "no_model"], "cannot be read"),
        (
            ["index", "no_model", "harbor-tiny", "--name", "boats", "--server", "http://127.0.0.1:9"],
            "is kept in this",
        ),
        (["index", "no_model", "harbor-tiny", "--server", "http://127.0.0.1:9"], "cannot be reached"),
        (["index", "clip:", "harbor-tiny"], "needs the name of a model"),
        (["unindex", "boats"], ""),
    ],
)
def test_mistakes_are_one_line(indexed, arguments: list[str], telling: str, capsys) -> None:
    workspace, _ = indexed
    image = next((workspace / "collections").rglob("train-night-00.png"))
    named = [argument.format(image=image, text=__file__) for argument in arguments]
    assert main([*named, "--workspace", str(workspace)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("  ")]
    assert len(said) == 1
    assert telling in said[0]


@pytest.fixture
def client(indexed) -> Iterator[TestClient]:
    workspace, _ = indexed
    app, router, searches = FastAPI(), APIRouter(), OpenIndexes(workspace / "index")
    add_index_api(router, searches)
    app.include_router(router)
    app.add_middleware(BodyLimit)
    add_error_handlers(app)
    with TestClient(app) as found:
        yield found


def test_over_http(indexed, client) -> None:
    workspace, _ = indexed
    image = next((workspace / "collections").rglob("train-night-00.png"))
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
    assert (bad.status_code, "cannot be read" in bad.json()["error"]) == (400, True)
    assert "where" in str(client.get("/openapi.json").json()["components"]["schemas"])


def bomb() -> bytes:
    """A small PNG of 100 million pixels."""
    target = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(target, "PNG")
    return target.getvalue()


def unasked(size: int) -> Iterator[bytes]:
    """A body whose length is not told before."""
    for _ in range(size // 2**20):
        yield b"x" * 2**20


def test_uploads_that_are_too_much_are_refused(client) -> None:
    def post(data: bytes) -> Any:
        return client.post("/indexes/boats/search", files={"file": ("q.png", data, "image/png")})

    assert len(bomb()) < 1e6
    answer = post(bomb())
    assert (answer.status_code, "million pixels" in answer.json()["error"]) == (400, True)
    answer = post(b"x" * (LARGEST_BYTES + 1))
    assert (answer.status_code, "larger than 8 MB" in answer.json()["error"]) == (400, True)
    form = {"content-type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="q.png"\r\n\r\n'
    for told, body in ((True, b"x" * (LARGEST_BODY + 1)), (False, chain([head], unasked(2 * LARGEST_BODY)))):
        answer = client.post("/indexes/boats/search", content=body, headers=form)
        assert (answer.status_code, answer.json()["error"][:27]) == (413, "the request is larger than "), told


def test_nothing_outside_the_index_is_served(
    indexed, client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = indexed
    shutil.copytree(workspace / "index" / "boats", tmp_path / "stranger")
    monkeypatch.chdir(tmp_path)  # a folder that is an index is one for the command line alone
    assert "there is no index 'stranger'" in client.get("/indexes/stranger/image/x").json()["error"]
    sealed = next((workspace / "collections").rglob("test-*.png"))
    image_id = hashlib.sha256(sealed.read_bytes()).hexdigest()[:16]
    for asked in (image_id, "../../../etc/passwd", str(sealed), "%00", "x" * 5000):
        assert client.get(f"/indexes/boats/image/{quote(asked, safe='')}").status_code in {400, 404}
    for name in (str(workspace / "index" / "boats"), "..", "boats/../boats", "boats%00"):
        assert client.get(f"/indexes/{quote(name, safe='')}/image/{image_id}").status_code in {400, 404}
    told = client.post(
        "/indexes/boats/search", data={"where": "split=test"}, files={"file": ("q", sealed.read_bytes())}
    )
    assert (told.status_code, "sealed" in told.json()["error"]) == (400, True)
    files = {"file": ("q", sealed.read_bytes())}
    found = client.post("/indexes/boats/search", data={"top": "100"}, files=files).json()["results"]
    assert {hit["split"] for hit in found} == {"train", "validation"}
    assert image_id not in {hit["id"] for hit in found}
    for data in ({"top": 0}, {"top": 101}, {"top": "x"}):
        assert client.post("/indexes/boats/search", data=data, files=files).status_code == 422


def test_damaged_and_cut_off_indexes_are_told(indexed, capsys) -> None:
    workspace, _ = indexed
    broken = workspace / "index" / "broken"
    broken.mkdir()
    (broken / "index.json").write_text("{}")
    assert main(["indexes", "--workspace", str(workspace)]) == 0
    told = capsys.readouterr()
    assert ("boats: 145 images" in told.out, "damaged" in told.err) == (True, True)
    found = _json(capsys, "indexes", "--workspace", str(workspace))
    assert ([one["index"] for one in found["indexes"]], len(found["damaged"])) == (["boats"], 1)
    shutil.rmtree(broken)


def test_the_same_command_again_embeds_nothing_and_deleted_images_come_back(indexed, capsys) -> None:
    workspace, _ = indexed
    where = ("--workspace", str(workspace))
    image = next((workspace / "collections").rglob("train-night-00.png"))
    (hit,) = _json(capsys, "search", "boats", str(image), "--top", "1", *where)["results"]
    assert _json(capsys, "unindex", "boats", "--id", hit["id"], *where)["removed"] == 1
    assert _json(capsys, "search", "boats", str(image), "--top", "1", *where)["results"][0]["id"] != hit["id"]
    again = _json(capsys, "index", "harbor-student", "harbor-tiny", "--name", "boats", "--no-check", *where)
    assert (again["added"], again["there"], again["recall_at_10"]) == (1, 144, None)
    assert main(["index", "harbor-student", "harbor-tiny", "--name", "boats", *where]) == 0
    assert "finds 100.0% of the 10 exact nearest neighbours" in capsys.readouterr().out
