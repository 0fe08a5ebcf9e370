"""The label page: its routes, and the page itself in headless Chromium."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from serving import CHROMIUM, looking, serving

from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.records import NONE_OF_THESE, Budget, Goal, RunSpec
from atlantis_core.run.answers import find_answers
from atlantis_core.run.session import Session
from atlantis_dml.app.request import RunRequest
from atlantis_dml.tools.context import RunContext
from atlantis_dml.web.app import make_data_app
from atlantis_dml.web.site import Site
from tests.fixtures.tiny_pool import pool
from tests.fixtures.tiny_runs import activations, begin, tiny_world

__all__ = ["activations", "begin", "pool", "tiny_world"]

PATIENCE_MS = 120_000


@pytest.fixture
def session(begin: Callable[..., RunContext], pool: Path) -> Session:
    """Of a run with a pool that has not begun."""
    return begin(pool=str(pool), remedies=("self_train", "ask_labels")).session


@pytest.fixture
def client(session: Session) -> Iterator[TestClient]:
    request = RunRequest(RunSpec("", "", Goal(""), Budget(), auto=False), ReadOptions())
    site = Site(session.workspace, request, ("harbor-tiny",))
    with TestClient(make_data_app(site), base_url="http://127.0.0.1:7860") as found:
        yield found


def test_answers_given_to_the_routes_are_kept_as_those_of_the_terminal(client: TestClient, session: Session) -> None:
    url = f"/data/runs/{session.run_id}/labels"
    first = client.get(url).json()
    asked, left = first["question"], first["left"]
    assert first["kept"] == 0
    name = asked["choices"][0]["name"]
    for image_id in (asked["image_id"], asked["alike"][0], asked["choices"][0]["examples"][0]):
        shown = client.get(f"{url}/photo/{image_id}", params={"side": 48})
        assert shown.status_code == 200
        with Image.open(io.BytesIO(shown.content)) as photo:
            assert max(photo.size) == 48
    held_out = session.collection.of_split("validation")[0].id
    assert client.get(f"{url}/photo/{held_out}").status_code == 404

    second = client.post(url, json={"image_id": asked["image_id"], "label": name}).json()
    assert (second["left"], second["kept"], second["said"]) == (left - 1, 1, name)
    third = client.post(url, json={"image_id": second["question"]["image_id"], "label": NONE_OF_THESE}).json()
    assert third["left"] == left - 2
    assert {answer.label for answer in find_answers(session)} == {name, NONE_OF_THESE}
    back = client.post(f"{url}/undo").json()
    assert (back["left"], back["said"]) == (left - 1, f"undone: {NONE_OF_THESE}")
    assert [answer.label for answer in find_answers(session)] == [name]


def test_what_is_not_asked_is_refused_in_a_line(client: TestClient, session: Session) -> None:
    url = f"/data/runs/{session.run_id}/labels"
    answer = client.post(url, json={"image_id": "elsewhere", "label": "tug"})
    assert answer.status_code == 400
    assert "no usable photo 'elsewhere'" in answer.json()["error"]
    assert client.post(url, json={"image_id": "x", "label": "y" * 300}).status_code == 422
    assert client.post(url, json={}, headers={"Origin": "http://evil.example"}).status_code == 403
    without = session.workspace.runs.create(replace(session.spec, pool=None))
    answer = client.get(f"/data/runs/{without.id}/labels")
    assert answer.status_code == 400
    assert "has no pool" in answer.json()["error"]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_a_person_names_photos_with_the_keyboard(session: Session) -> None:
    complaints: list[str] = []
    with serving(session.workspace.folder, "harbor-tiny") as address, looking() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/label")
        page.wait_for_selector("#photo")
        asked = page.get_attribute("#photo", "data-id")
        name = (page.inner_text("[data-key='1']")).removeprefix("1").strip()

        def wait_for_other(image_id: str | None) -> None:
            page.wait_for_function("id => document.querySelector('#photo')?.dataset.id != id", arg=image_id)

        page.keyboard.press("1")
        wait_for_other(asked)
        assert [(answer.image_id, answer.label) for answer in find_answers(session)] == [(asked, name)]
        page.wait_for_selector("#left:has-text('1 answer kept')")
        second = page.get_attribute("#photo", "data-id")
        page.fill("#other", "1n Fire Boat")  # keys mean letters there
        page.press("#other", "Enter")
        wait_for_other(second)
        third = page.get_attribute("#photo", "data-id")
        page.keyboard.press("n")
        wait_for_other(third)
        page.keyboard.press("u")
        page.wait_for_selector(f"#photo[data-id='{third}']")
        assert page.inner_text("#said") == f"undone: {NONE_OF_THESE}"
        page.keyboard.press("s")
        wait_for_other(third)
        page.reload()
        page.wait_for_selector("#photo")
        assert page.get_attribute("#photo", "data-id") not in {asked, second, third}
        assert {answer.label for answer in find_answers(session)} == {name, "1n Fire Boat"}
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert complaints == []
