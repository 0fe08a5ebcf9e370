"""Whatever is sent, to whatever route: an answer, or one line that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
            told = client.request(method, url, content=body, headers={"content-type": kind})
            assert 400 <= told.status_code < 500, (url, name)
            assert list(told.json()) == ["error"], (url, name)
            assert len(told.json()["error"]) <= 500, (url, name)


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
        told = client.get(each)
        assert 400 <= told.status_code < 500, each
        assert list(told.json()) == ["error"], each
        assert len(told.json()["error"]) <= 500, each
    assert all(client.delete(each).status_code == 405 for method, each in found if method == "get")


def test_the_line_says_where_the_mistake_is(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/overrule"
    assert client.post(url, json={"keys": [], "kept": True}).json()["error"].startswith("body.keys: List should have")
    broken = client.post(url, content=b"{", headers={"content-type": "application/json"})
    assert broken.json()["error"].startswith("the body is no JSON: ")
    refusals = client.get("/data/openapi.json").json()["paths"]["/data/runs"]["get"]["responses"]
    assert list(refusals) == ["200", "4XX"]
