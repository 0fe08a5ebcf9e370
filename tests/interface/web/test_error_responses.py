"""Whatever is sent, to whatever route: an answer, or one line that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from atlantis_dml.web.app import make_data_app

DEEP = 100_000
BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "null": b"null",
    "no number": b"NaN",
    "half a character": b'"\\ud800"',
    "nested": b"[" * DEEP + b"]" * DEEP,
    "many digits": b"1" * 10_000,
    "no text": b"\xff\xfe",
    "half a character within": b'{"decision":"reject","protocol_id":"\\ud800","keys":["\\ud800"],"kept":true}',
    "no number within": b'{"decision":NaN,"protocol_id":NaN,"cells":[NaN],"keys":[NaN],"kept":NaN}',
    "other types": b'{"decision":[],"protocol_id":{},"cells":"x","keys":1,"kept":"perhaps"}',
    "long": b'{"decision":"%b","keys":["%b"],"kept":true}' % (b"x" * 100_000, b"x" * 100_000),
}
KINDS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")


@pytest.fixture
def routes(site, fabricated) -> Iterator[tuple[TestClient, list[tuple[str, str]]]]:
    app = make_data_app(site)
    values = {"run_id": fabricated.run_id, "key": "x", "event": "1", "name": "x", "image_id": "x"}
    found = [(method, path.format(**values)) for path, ways in app.openapi()["paths"].items() for method in ways]
    with TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as client:
        yield client, found


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_bodies_are_refused_in_one_short_line(routes, kind: str) -> None:
    client, found = routes
    for method, url in (each for each in found if each[0] != "get"):
        for name, body in BODIES.items():
            answer = client.request(method, url, content=body, headers={"content-type": kind})
            assert 400 <= answer.status_code < 500, (url, name)
            assert list(answer.json()) == ["error"], (url, name)
            assert len(answer.json()["error"]) <= 500, (url, name)


def test_malformed_addresses_are_refused_in_one_short_line(routes, fabricated) -> None:
    client, found = routes
    url, many = f"/data/runs/{fabricated.run_id}", "9" * 3000
    asked = [
        "/data/nowhere",
        "/own/nowhere",
        "/data/runs/%ED%A0%80/page",
        f"/data/runs/{many}/page",
        f"{url}/trace/{many}",
        f"{url}/cell",
        f"{url}/image/x?side={many}",
        f"{url}/candidates?limit=NaN",
    ]
    for each in asked:
        answer = client.get(each)
        assert 400 <= answer.status_code < 500, each
        assert list(answer.json()) == ["error"], each
        assert len(answer.json()["error"]) <= 500, each
    assert all(client.delete(each).status_code == 405 for method, each in found if method == "get")


def test_the_line_says_where_the_mistake_is(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/overrule"
    assert client.post(url, json={"keys": [], "kept": True}).json()["error"].startswith("body.keys: List should have")
    broken = client.post(url, content=b"{", headers={"content-type": "application/json"})
    assert broken.json()["error"].startswith("the body is not valid JSON: ")
    refusals = client.get("/data/openapi.json").json()["paths"]["/data/runs"]["get"]["responses"]
    assert list(refusals) == ["200", "4XX"]


def test_addresses_that_lead_nowhere_and_methods_that_are_not_served_are_told(site, fabricated) -> None:
    app = make_data_app(site)
    app.mount("/", FastAPI())  # as Gradio is: it would answer {"detail": "Not Found"}
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        for url in ("/data/nowhere?x=1", "/api/nowhere", "/data/runs/..%2f..%2fx"):
            answer = client.get(url)
            assert (answer.status_code, list(answer.json())) == (404, ["error"]), url
            assert "/data/openapi.json lists all" in answer.json()["error"]
        for method, url, allowed in (
            ("GET", "/api/indexes/boats/search", "POST"),
            ("DELETE", "/api/indexes", "GET"),
            ("PUT", f"/data/runs/{fabricated.run_id}/answer", "POST"),
        ):
            answer = client.request(method, url)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
            assert answer.json() == {"error": f"{method} is not allowed here; allowed: {allowed}"}


def test_what_is_not_there_is_404(client, fabricated) -> None:
    assert client.get("/api/indexes/nowhere/image/x").status_code == 404
    assert client.post("/api/indexes/nowhere/search", data={"text": "a boat"}).status_code == 404
    assert client.get("/data/runs/nowhere/page").status_code == 404
    assert client.get(f"/data/runs/{fabricated.run_id}/image/nowhere").status_code == 404


def test_mistyped_names_are_refused_with_the_known_ones(client, fabricated) -> None:
    url = "/api/indexes/boats/search"
    answer = client.post(url, data={"text": "a boat", "tpo": 3})
    assert (answer.status_code, answer.json()) == (
        422,
        {"error": "body.tpo: unknown; known: file, text, top, where, exact"},
    )
    assert client.post(url, data={"text": "a boat"}, params={"top": 3}).json() == {
        "error": "query.top: unknown; known: none"
    }
    answer = client.get(f"/data/runs/{fabricated.run_id}/candidates", params={"limt": 1})
    assert (answer.status_code, answer.json()["error"][:32]) == (422, "query.limt: unknown; known: offs")


def test_a_text_in_place_of_a_file_is_told(client) -> None:
    answer = client.post("/api/indexes/boats/search", files={"file": (None, "notafile")})
    assert answer.json() == {"error": "body.file: expected a file, got text (with curl: -F file=@image.jpg)"}
