"""What a run does with eyes: it looks at missed queries, at the first new images and at what the filters did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent_brain import finding_for, text_of
from langchain_core.messages import AIMessage, BaseMessage, message_to_dict

from atlantis_core.base.errors import ProviderRefused
from atlantis_core.records import Budget, Cell, Protocol
from atlantis_core.records.sheet import Finding, Sheet
from atlantis_core.run.drafting import Brief
from atlantis_core.run.forecasting import write_forecast
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_round
from atlantis_core.run.sheets.drawing import MOST_TILES
from atlantis_core.run.sheets.looking import find_sheet, list_looks, read_looks
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.eyes import ChatEyes
from atlantis_dml.graph.running import advance
from atlantis_dml.report.report import write_report
from atlantis_dml.tools.context import ProtocolDrafter, RunContext

Begin = Callable[..., RunContext]
Chat = Callable[..., Any]
Call = Callable[..., AIMessage]

SMALL: dict[str, Any] = {"budget": Budget(images=40, rounds=1), "seeds": 1}
STEPS = ("train_retriever:baseline", "evaluate_retrieval:baseline", "find_gaps", "draft_protocol")
NINETY_NINE = '{"tiles": [{"tile": 99, "class": "yes"}], "verdict": "yes", "finding": "all"}'


def seeing(**by_kind: str) -> Callable[[list[BaseMessage]], AIMessage]:
    """Return a vision model's answers: `yes` or `no` for each kind of sheet, told by its parts; `yes` without."""

    def answers(messages: list[BaseMessage]) -> AIMessage:
        facts = text_of({"content": message_to_dict(messages[1])["data"]["content"]})
        kind = "missed" if "missed" in facts else "pilot" if "left" in facts else "screened"
        return AIMessage(json.dumps(finding_for(facts, by_kind.get(kind, "yes"))))

    return answers


def with_eyes(context: RunContext, *script: Any) -> tuple[RunContext, ScriptedChatModel]:
    model, session = ScriptedChatModel(script=list(script)), context.session
    calls = ModelCalls(
        "openai:eyes", [ChatModel("openai:eyes", model)], session.workspace, session.run_id, context.cost_tracker
    )
    return replace(context, eyes=ChatEyes(calls)), model


def images_spent(context: RunContext) -> float:
    return context.session.workspace.ledger.spent(context.session.run_id)["images"]


def answers_of(context: RunContext, tool: str) -> list[str]:
    events = context.session.workspace.events.of_kind(context.session.run_id, "tool")
    return [event["output"]["text"] for event in events if event["name"] == tool]


def test_a_round_is_looked_at_three_times_and_its_findings_are_kept_and_told(begin: Begin) -> None:
    context, model = with_eyes(begin(**SMALL, vision="openai:eyes"), *[seeing()] * 3)
    advance(context)
    looks = read_looks(context.session, 1)
    assert [look.sheet.kind for look in looks] == ["missed", "pilot", "screened"]
    assert len(model.requests) == 3
    assert [look.status for look in looks] == ["found"] * 3
    for look, tool in zip(looks, ("find_gaps", "generate_images", "score_outliers"), strict=True):
        assert find_sheet(context.session, look.sheet).read_bytes().startswith(b"\xff\xd8")
        assert "Vessels on water" in answers_of(context, tool)[0]
    protocol = context.session.read(1, JournalKind.PROTOCOL)
    assert protocol is not None
    asked = {request.cell for request in protocol.cells}
    assert {tile.cell for tile in looks[1].sheet.tiles} == asked, "the first images are spread over the cells"
    assert images_spent(context) == protocol.num_images == len(read_round(context.session, 1).candidate_keys)
    kept = [tile.note for tile in looks[2].sheet.tiles]
    agreeing = sum(note == "kept" for note in kept)
    assert f"the filters agree in {agreeing} of {len(kept)} tiles" in looks[2].finding.remarks
    assert "at most 3 looks at contact sheets, about 6,600 tokens" in write_forecast(context.session)
    page, text = _report(context)
    assert page.count('src="data:image/jpeg') >= 3
    assert "about 6,600 tokens" in page
    assert "a look at 12 new images" in text


def test_images_are_the_same_with_eyes_and_without(begin: Begin, tmp_path: Path) -> None:
    seen, _ = with_eyes(begin(**SMALL), *[seeing()] * 3)
    advance(seen)
    keys = read_round(seen.session, 1).candidate_keys
    (tmp_path / "workspace").rename(tmp_path / "seen")
    blind = begin(**SMALL)
    advance(blind)
    assert read_round(blind.session, 1).candidate_keys == keys
    assert [look.status for look in list_looks(blind.session)] == ["drawn"] * 3
    assert [look.sheet.kind for look in list_looks(blind.session)] == ["missed", "pilot", "screened"]


def test_first_images_that_do_not_show_what_was_asked_stop_the_rest(begin: Begin, chat: Chat, call: Call) -> None:
    context, _ = with_eyes(begin(**SMALL), seeing(), seeing(pilot="no"))
    steps = [_with_arm(call, step) for step in STEPS]
    planner, model = chat(context, *steps, call("run_round", pilot=False), call("generate_images"), *_END)
    advance(replace(context, planner=planner))
    (answer,) = answers_of(context, "generate_images")
    assert answer.startswith(f"stopped after {MOST_TILES} images, the other ")
    assert "0 of 12 show the class" in answer
    assert images_spent(context) == MOST_TILES
    assert read_round(context.session, 1).candidate_keys == ()
    assert [look.has_stopped for look in read_looks(context.session, 1)] == [False, True]
    assert "Stopped here: they do not show what was asked for" in model.requests[-3][-2].text
    assert "draft again with feedback" in model.requests[-2][-2].text, "nor is the rest made by a step alone"


def test_run_round_after_such_a_stop_makes_the_others(begin: Begin, chat: Chat, call: Call) -> None:
    context, eyes = with_eyes(begin(**SMALL), seeing(), seeing(pilot="no"), seeing())
    steps = [_with_arm(call, step) for step in STEPS]
    planner, model = chat(context, *steps, *[call("run_round", pilot=False)] * 2, *_END)
    advance(replace(context, planner=planner))
    protocol = context.session.read(1, JournalKind.PROTOCOL)
    assert protocol is not None
    assert f"run_round: at most {protocol.num_images - MOST_TILES} images" in model.requests[len(steps) + 1][-1].text
    assert images_spent(context) == protocol.num_images == len(read_round(context.session, 1).candidate_keys)
    assert read_round(context.session, 1).decision is not None, "the call goes on to the verdict"
    assert len(eyes.requests) == 3, "the same sheet is not paid for again"


def test_who_insists_on_the_same_images_gets_them_and_pays_for_none_twice(
    begin: Begin, chat: Chat, call: Call
) -> None:
    context, eyes = with_eyes(begin(**SMALL), seeing(), seeing(pilot="no"))
    steps = [_with_arm(call, step) for step in STEPS[:-1]]
    twice = [call("draft_protocol", max_images=26), call("generate_images")] * 2
    context = replace(context, drafter=_SameDraft(context.drafter))
    planner, _ = chat(context, *steps, *twice, *_END)
    advance(replace(context, planner=planner))
    protocol = context.session.read(1, JournalKind.PROTOCOL)
    assert protocol is not None
    assert 26 == images_spent(context) == protocol.num_images == len(read_round(context.session, 1).candidate_keys)
    assert len(eyes.requests) == 2, "the same sheet is not paid for again"


@pytest.mark.parametrize(
    ("script", "status", "asked"),
    [
        ([ProviderRefused("images are not supported")], "refused", 1),
        ([AIMessage("no JSON"), AIMessage(NINETY_NINE)] * 2, "failed", 4),
    ],
)
def test_a_model_that_cannot_see_costs_looks_and_never_the_run(
    begin: Begin, script: list[Any], status: str, asked: int
) -> None:
    lines: list[str] = []
    context = begin(**SMALL)
    context.session.say = lines.append
    context, model = with_eyes(context, *script)
    outcome = advance(context)
    assert outcome.status == "done"
    assert len(model.requests) == asked
    looks = list_looks(context.session)
    assert [look.status for look in looks][:2] == [status, status if status == "failed" else "drawn"]
    assert looks[2].status == "drawn"
    assert sum("goes on without eyes" in line for line in lines) == 1
    assert not any(look.finding for look in looks)
    assert "no finding" in answers_of(context, "find_gaps")[0]


def test_without_eyes_a_person_is_told_once_where_the_sheets_are(begin: Begin) -> None:
    lines: list[str] = []
    context = begin(seeds=1)
    context.session.say = lines.append
    advance(context)
    assert "looks" not in write_forecast(context.session)
    page, text = _report(context)
    assert "Contact sheets of round 1" in page
    assert "- `sheets/round-1-screened-" in text
    told = [line for line in lines if "contact sheets" in line]
    assert told == [f"contact sheets to look at (the report shows them too): {_folder(context)}"]
    assert {path.name for path in _folder(context).iterdir()} == {
        look.sheet.file for look in list_looks(context.session)
    }


class _Recording:
    """Eyes that remember which sheets they saw."""

    name = "openai:fake"

    def __init__(self) -> None:
        self.sheets: list[Sheet] = []

    def look(self, sheet: Sheet, jpeg: bytes, question: str) -> Finding:
        assert jpeg
        assert question
        self.sheets.append(sheet)
        return Finding("seen", "yes", 0.5, (), self.name)


def test_a_planner_looks_at_what_it_asks_for(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin(seeds=1)
    eyes = _Recording()
    train = context.session.collection.of_split("train")
    ids = f"{train[0].id}, {train[5].id}"
    steps = [_with_arm(call, step) for step in STEPS]
    wanted = ("Condition: Night", f"{train[0].label}, condition=day", ids)
    looks = [call("look", what=what) for what in (*wanted, "missed")]
    planner, model = chat(context, *steps, *looks, *_END)
    advance(replace(context, planner=planner, eyes=eyes))
    night, day, named = eyes.sheets[1:]
    assert {tile.cell.value for tile in night.tiles} == {"night"}
    assert len({tile.cell.class_name for tile in night.tiles}) > 2
    assert {tile.cell for tile in day.tiles} == {Cell(train[0].label, "condition", "day")}
    assert [tile.images for tile in named.tiles] == [(train[0].id,), (train[5].id,)]
    assert "3 looks that were asked for" in model.requests[-2][-2].text


REFUSED = {
    "the boats": "names no images; say missed, made",
    "": "names no images",
    "condition: noon": "names no images",
    "../../etc/passwd": "names no images",
    "made": "has made no images yet",
    "kept": "run score_outliers first",
    "0123456789abcdef": "there is no image",
    ", ".join(f"{number:016x}" for number in range(13)): "13 images are too many",
}


def test_what_cannot_be_looked_at_is_refused_and_the_rest_drawn_for_the_person(
    begin: Begin, chat: Chat, call: Call
) -> None:
    context, several = begin(seeds=1), list(REFUSED)
    looks = [call("look", what=what) for what in (*several[:4], "condition: night", *several[4:])]
    planner, model = chat(context, _with_arm(call, STEPS[0]), *looks, *_END)
    advance(replace(context, planner=planner))
    answers = [request[-2].text for request in model.requests[2:-1]]
    assert "no model of this run sees images" in answers.pop(4)
    for answer, wrong in zip(answers, REFUSED.values(), strict=True):
        assert wrong in answer
    (look,) = list_looks(context.session)
    assert find_sheet(context.session, look.sheet).is_file()
    shown = {image.id for image in context.session.collection.images}
    assert {name for tile in look.sheet.tiles for name in tile.images} <= shown, "none is of the test split"


_END = (AIMessage("Enough."), AIMessage("Enough."))


class _SameDraft:
    """Drafts what was drafted first, again and again."""

    def __init__(self, drafter: ProtocolDrafter) -> None:
        self._drafter, self._known = drafter, list[Protocol]()

    def draft(self, brief: Brief) -> Protocol:
        self._known = self._known or [self._drafter.draft(brief)]
        return self._known[0]


def _with_arm(call: Call, step: str) -> AIMessage:
    name, _, arm = step.partition(":")
    return call(name, **({"arm": arm} if arm else {}))


def _report(context: RunContext) -> tuple[str, str]:
    """Write the report; return its page and its Markdown."""
    write_report(context.session.workspace, context.session.run_id)
    folder = _folder(context).parent
    return (folder / "report.html").read_text(), (folder / "report.md").read_text()


def _folder(context: RunContext) -> Path:
    return context.session.workspace.folder / "runs" / context.session.run_id / "sheets"
