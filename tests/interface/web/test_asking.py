"""A run that was started elsewhere and waits at a question of its planner is answered on its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from serving import CHROMIUM, looking, serving

from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_dml.app.request import RunRequest
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext
from atlantis_dml.web.app import make_data_app
from atlantis_dml.web.site import Site

QUESTION = "Which matters more?"


@pytest.mark.slow
def test_an_answer_on_the_page_goes_to_the_planner_and_approves_nothing(
    begin: Callable[..., RunContext], chat: Any, call: Any
) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1), seeds=1)
    planner, _ = chat(context, call("ask_person", question=QUESTION, options=["night", "day"]))
    assert advance(replace(context, planner=planner)).status == "waiting"
    workspace, run_id = context.session.workspace, context.session.run_id
    spec = RunSpec("", "", Goal(""), Budget(), auto=False)
    site, url = Site(workspace, RunRequest(spec, ReadOptions()), ("harbor-tiny",)), f"/data/runs/{run_id}"
    with TestClient(make_data_app(site), base_url="http://127.0.0.1:7860") as client:
        assert client.get(f"{url}/question").json() == {"question": None}
        asked = client.get(f"{url}/ask").json()["ask"]
        assert (asked["ask"], asked["options"]) == (QUESTION, ["night", "day"])
        answer = {"ask": QUESTION, "words": "yes, approve, night"}
        for wrong, told in (({"words": "\u202e "}, "no words"), ({"ask": "Before?"}, "reload the page")):
            refused = client.post(f"{url}/ask", json=answer | wrong)
            assert refused.status_code == 400
            assert told in refused.json()["error"]
        assert workspace.read_status(workspace.runs.get(run_id)) == "waiting"
        assert "goes on" in client.post(f"{url}/ask", json=answer).json()["message"]
        late = client.post(f"{url}/ask", json=answer).json()["error"]
        assert "another window may have answered" in late
        site.steering.shut_down()
    (answered,) = workspace.events.of_kind(run_id, "approval")
    assert answered["output"] == {
        "answer": {"decision": "respond", "words": "yes, approve, night"},
        "by": "in the web form",
    }
    assert workspace.ledger.spent(run_id)["images"] == 0


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_the_form_is_on_the_page_of_the_run_and_takes_an_option(
    begin: Callable[..., RunContext], chat: Any, call: Any, tmp_path: Path
) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1), seeds=1)
    planner, _ = chat(context, call("ask_person", question=QUESTION, options=["night", "day"]))
    advance(replace(context, planner=planner))
    workspace, run_id = context.session.workspace, context.session.run_id
    with serving(workspace.folder, "harbor-tiny") as address, looking() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(f"{address}/runs?run={run_id}")
        form = page.get_by_role("form", name="Question of the planner")
        form.wait_for()
        page.screenshot(path=tmp_path / "asking.png")
        assert QUESTION in form.inner_text()
        form.get_by_role("button", name="night").click()
        assert form.get_by_label("your answer").input_value() == "night"
        form.get_by_role("button", name="Answer").click()
        page.get_by_text("Passed on to the planner").wait_for()
    assert workspace.events.of_kind(run_id, "approval")[0]["output"]["answer"]["words"] == "night"
