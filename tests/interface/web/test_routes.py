"""What the pages ask the server for: right answers, and nothing for strangers."""

from __future__ import annotations

import io
import json
import re

import pytest
from fastapi import UploadFile
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_dml.web.uploads import LARGEST_BYTES, read_upload

HOSTILE = "<script>alert(1)</script>"


def test_runs_are_listed_with_their_status(client, fabricated) -> None:
    (run,) = client.get("/data/runs").json()["runs"]
    assert run["id"] == fabricated.run_id
    assert run["status"] == "done"


def test_a_run_as_a_page_is_escaped_and_sent_once(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/page"
    page = client.get(url).json()
    assert "round 1" in page["html"]
    assert "rolled back" in page["html"]
    assert "Images left in the budget of 20" in page["html"]
    assert HOSTILE not in page["html"]
    assert "&lt;script&gt;" in page["html"]
    assert "html" not in client.get(url, params={"seen": page["stamp"]}).json()


def test_the_map_of_gaps_has_a_button_for_each_cell(client, fabricated) -> None:
    html = client.get(f"/data/runs/{fabricated.run_id}/gaps", params={"facet": "light"}).json()["html"]
    assert html.count("<button") == 2 * 4
    assert HOSTILE not in html
    answer = client.get(f"/data/runs/{fabricated.run_id}/gaps", params={"facet": "smell"})
    assert answer.status_code == 400
    assert "no facet 'smell'" in answer.json()["error"]


def test_candidates_come_a_piece_at_a_time(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/candidates"
    whole = client.get(url).json()
    assert (whole["total"], whole["all"], len(whole["candidates"])) == (8, 8, 8)
    piece = client.get(url, params={"offset": 6, "limit": 5}).json()
    assert piece["candidates"] == whole["candidates"][6:]
    kept = client.get(url, params={"status": "kept", "round": 1}).json()
    assert kept["total"] == 3
    assert client.get(url, params={"limit": 100_000}).status_code == 422
    assert client.get(f"/data/runs/{fabricated.run_id}/counts").json()["round"] == {"1": 4, "2": 4}


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("order", "asked, cell, worst, best"),
        ("status", "kept, rejected, undecided"),
        ("filter", "margin"),
    ],
)
def test_what_candidates_cannot_be_chosen_by_is_named(client, fabricated, what: str, known: str) -> None:
    answer = client.get(f"/data/runs/{fabricated.run_id}/candidates", params={what: "x" * 1000})
    assert answer.status_code == 400
    assert answer.json() == {"error": f"unknown {what} {'x' * 40!r}; known: {known}"}


def test_a_persons_word_is_kept_and_shown(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}"
    key = client.get(f"{url}/candidates", params={"status": "kept"}).json()["candidates"][0]["key"]
    (changed,) = client.post(f"{url}/overrule", json={"keys": [key], "kept": False}).json()["candidates"]
    assert (changed["status"], changed["by_hand"]) == ("rejected", True)
    assert changed["verdict"]["reason"].startswith("rejected by hand (margin")
    assert client.get(f"{url}/candidates", params={"status": "kept"}).json()["total"] == 5
    page = client.get(f"{url}/page").json()["html"]
    assert "Images: 1 taken out by hand after it was measured." in page
    counts = re.findall(r'data-label="(Generated|Kept|Rejected)">(\d+)<', page)
    assert counts[:3] == [("Generated", "4"), ("Kept", "3"), ("Rejected", "1")], "what it was measured with"
    assert client.post(f"{url}/overrule", json={"keys": ["x"], "kept": True}).status_code == 400
    assert client.post(f"{url}/overrule", json={"keys": [], "kept": True}).status_code == 422


def test_images_come_by_key_and_never_by_path(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/image"
    key = client.get(f"/data/runs/{fabricated.run_id}/candidates").json()["candidates"][0]["key"]
    answer = client.get(f"{url}/{key}", params={"side": 16})
    assert answer.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(answer.content)).size) == 16
    for name in (
        "..%2f..%2fetc%2fpasswd",
        "%2Fetc%2Fpasswd",
        "atlantis.db",
        "f" * 16,
    ):  # last: a test image
        answer = client.get(f"{url}/{name}")
        assert answer.status_code == 404, name
        assert b"root:" not in answer.content
    assert client.get(f"{url}/{key}", params={"side": 100_000}).status_code == 422


def test_the_report_is_served(client, fabricated) -> None:
    page = client.get(f"/data/runs/{fabricated.run_id}/report")
    assert page.headers["content-type"].startswith("text/html")
    assert HOSTILE not in page.text


def test_an_answer_needs_a_question(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}"
    assert client.get(f"{url}/question").json() == {"question": None}
    answer = client.post(f"{url}/answer", json={"decision": "approve", "protocol_id": "p"})
    assert answer.status_code == 400
    assert "another window may have answered it" in answer.json()["error"]
    assert client.post(f"{url}/answer", json={"decision": "burn", "protocol_id": "p"}).status_code == 422
    for name in ("resume", "go-on"):  # the second is the name of version 0.1
        assert "not paused" in client.post(f"{url}/{name}", json={}).json()["error"]
    assert "not working on the run" in client.post(f"{url}/stop", json={}).json()["error"]


def test_a_window_learns_what_another_one_answered(client, fabricated) -> None:
    url, events = f"/data/runs/{fabricated.run_id}/answered", fabricated.workspace.events
    with events.span(fabricated.run_id, "approval", "approve", {"protocol": "p", "images": 18}) as span:
        counts = [{"cell": {"class_name": HOSTILE, "facet": "light", "value": "night"}, "count": 18}]
        span.output = {"answer": {"decision": "approve"}, "by": "in the web form", "images": 18, "counts": counts}
    answer = client.get(url, params={"protocol_id": "p"}).json()["message"]
    assert answer == f"approved in the web form: 18 images: 18 of {HOSTILE}, light=night"
    assert client.get(url, params={"protocol_id": "another"}).json()["message"] == ""


def test_other_sites_and_other_names_are_refused(client) -> None:
    assert client.get("/data/runs", headers={"Host": "evil.example:7860"}).status_code == 403
    assert client.get("/data/runs", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/data/runs", headers={"Host": "localhost:7860"}).status_code == 200
    assert client.get("/data/runs", headers={"Origin": "http://127.0.0.1:7860"}).status_code == 200
    assert client.get("/data/runs").headers["x-content-type-options"] == "nosniff"


def test_what_is_no_run_is_said(client) -> None:
    for path in ("page", "trace", "candidates", "question"):
        answer = client.get(f"/data/runs/nowhere/{path}")
        assert answer.status_code == 404
        assert "no run 'nowhere'" in answer.json()["error"]


def test_the_schema_is_documented(client) -> None:
    schema = json.loads(client.get("/data/openapi.json").text)
    assert "/data/runs/{run_id}/search" in schema["paths"]
    assert {"Answer", "Nearest"} <= set(schema["components"]["schemas"])  # two of one name get names that say nothing


def _png(width: int, height: int) -> bytes:
    return _as("PNG", Image.new("1", (width, height)))


def _as(kind: str, image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "telling"),
    [
        (b"", "is empty"),
        (b"text", "cannot be read: "),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be read: "),
        (_as("EPS", Image.new("RGB", (64, 64))), "cannot be read: "),  # it would start Ghostscript
        (_png(64, 64)[:45], "cannot be read"),
        (_png(12_000, 12_000), "more than 64 million pixels"),
        (b"x" * (LARGEST_BYTES + 1), "larger than 8 MB"),
    ],
)
def test_uploads_that_are_not_images_or_bombs_are_refused(data: bytes, telling: str) -> None:
    with pytest.raises(SetupError, match=telling):
        read_upload(UploadFile(io.BytesIO(data), filename="odd\nname.png"))


def test_an_image_is_read_upright() -> None:
    assert read_upload(UploadFile(io.BytesIO(_png(5, 3)), filename="a.png")).size == (5, 3)


def test_what_a_run_can_be_searched_with_and_filtered_by_is_listed(client, site, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/models"
    assert client.get(url).json()["columns"]["light"] == ["day", "night"]
    site.workspace.journal.write(
        fabricated.run_id, 0, "final_arms", {"baseline": ["a", "b"], "incumbent": ["c", "d"]}
    )
    assert client.get(url).json()["models"] == {"before": "a", "after": "c"}


def test_where_no_round_was_kept_one_model_is_searched_with(client, site, fabricated) -> None:
    site.workspace.journal.write(
        fabricated.run_id, 0, "final_arms", {"baseline": ["a", "b"], "incumbent": ["a", "b"]}
    )
    assert client.get(f"/data/runs/{fabricated.run_id}/models").json()["models"] == {"before": "a"}


def test_a_search_without_an_image_is_refused(client, fabricated) -> None:
    url = f"/data/runs/{fabricated.run_id}/search"
    assert "no query image" in client.post(url).json()["error"]
    answer = client.post(url, files={"file": ("a.png", b"no", "image/png")})
    assert answer.status_code == 400
    assert "'a.png' cannot be read" in answer.json()["error"]
    assert client.post(url, data={"key": "/etc/passwd"}).status_code == 404
