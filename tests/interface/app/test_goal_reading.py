"""A new run whose chat model reads its goal, over HTTP; where that fails the rules read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_provider import FakeProvider, Reply

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Cell
from atlantis_core.store.runs import Run
from atlantis_core.store.workspace import Workspace
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.app.run import create_run

FREE = ("serve", "self_train", "ask_labels", "train")
Create = Callable[..., tuple[Run, list[str]]]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    found = FakeProvider()
    with found.running():
        yield found


@pytest.fixture
def create(provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Create:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    workspace = Workspace(tmp_path / "workspace")

    def created(goal: str, answer: Any, **options: Any) -> tuple[Run, list[str]]:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        provider.faults["case"] = lambda request: Reply(text) if request.agent == "goal" else None
        given = RunOptions(planner="openai:m", base_url=provider.address("case"), preset="smoke", **options)
        request = build_request("harbor-tiny", given, workspace.folder, goal)
        return create_run(request, workspace, lambda *_: None)

    return created


def test_a_goal_in_another_language_is_read_back_before_anything_is_spent(create: Create) -> None:
    answer = {"kind": "improve", "english": "Night photos.", "values": [["condition", "night"]], "images": 0}
    run, lines = create("Nachtfotos werden nicht gefunden, keine Bilder", answer)
    assert run.spec.goal.cells == (Cell("", "condition", "night"),)
    assert run.spec.remedies == FREE
    told = "\n".join(lines)
    assert 'read by openai:m as "Night photos."' in told
    assert "the goal allows no generated images" in told


def test_numbers_in_words_count_where_a_person_approves_and_not_where_nobody_does(create: Create) -> None:
    answer = {"kind": "improve", "english": "Night photos.", "values": [["condition", "night"]], "images": 300}
    assert create("Nachtfotos, dreihundert Bilder", answer)[0].spec.budget.images == 300
    run, lines = create("Nachtfotos, bis zu dreihundert Bilder", answer, auto=True)
    assert run.spec.budget.images is None
    assert any("no such number is written" in line for line in lines)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"kind": "question", "english": "Why was it rejected?"}, "is a question"),
        ({"kind": "choose_by_test", "english": "Tune on test."}, "stays sealed"),
        ({"kind": "improve", "english": "Snow.", "missing": ["Schnee"]}, 'no photo here shows "Schnee"'),
    ],
)
def test_what_no_run_can_do_ends_it_before_it_begins(
    create: Create, tmp_path: Path, answer: dict[str, Any], told: str
) -> None:
    with pytest.raises(SetupError, match=told):
        create("Warum? Im Schnee? Mit den Testbildern?", answer)
    (run,) = Workspace(tmp_path / "workspace").runs.all()
    assert (run.status, run.stop_reason) == ("done", "goal_unclear")


def test_without_a_usable_answer_the_rules_read_it(create: Create) -> None:
    run, lines = create("night photos are not found", "I'm sorry, but I can't help with that.")
    assert run.spec.goal.cells == (Cell("", "condition", "night"),)
    assert any(line.startswith("the goal was read by rules: the goal agent's model") for line in lines)


def test_rules_leave_out_what_makes_images_too(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    request = build_request("harbor-tiny", RunOptions(preset="smoke"), workspace.folder, "night, no new images")
    run, lines = create_run(request, workspace, lambda *_: None)
    assert run.spec.remedies == FREE
    assert any("allows no generated images" in line for line in lines)
    asked = RunOptions(preset="smoke", remedies=("generate",))
    again = build_request("harbor-tiny", asked, workspace.folder, "night, no new images")
    assert create_run(again, workspace, lambda *_: None)[0].spec.remedies == ("generate",), "an option comes first"


def test_no_images_holds_where_the_rules_stand_in_for_the_model(create: Create) -> None:
    run, lines = create("night photos are not found, no new images", "I'm sorry, but I can't help with that.")
    assert run.spec.remedies == FREE
    assert any("allows no generated images" in line for line in lines)
