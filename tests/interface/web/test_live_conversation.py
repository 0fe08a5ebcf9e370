"""Conversations as the server holds them: one for all browsers, no key in them, no data of a browser's choosing."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_dml.app.request import RunRequest
from atlantis_dml.chat.record import ChatRecord, save_record
from atlantis_dml.web.live_conversation import LiveConversation
from atlantis_dml.web.site import Site

KEY = "sk-planted-0123456789abcdef"

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime


def _rest(room: LiveConversation) -> None:
    deadline = time.monotonic() + 60
    while room.state().thinking:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_conversation_is_one_for_all_and_remembered(site: Site) -> None:
    room = site.conversations.create("harbor-tiny")
    assert site.conversations.get(room.id) is room
    assert site.conversations.get_or_create() is room
    room.say("night photos of trawlers are not found; you have 12 images and 1 round")
    _rest(room)
    assert room.state().status == "planned"
    texts = [message.text for message in room.messages()]
    assert texts[0].startswith("night photos")
    assert "Say yes to start" in texts[-1]
    assert [record.id for record in site.conversations.records()] == [room.id]


def test_conversations_without_a_word_are_offered_only_while_one_is_in_them(site: Site) -> None:
    begun, empty = (site.conversations.create("harbor-tiny") for _ in range(2))
    begun.say("night photos of trawlers are not found; you have 12 images and 1 round")
    _rest(begun)
    assert [record.id for record in site.conversations.list_choices(begun.id)] == [begun.id]
    assert {record.id for record in site.conversations.list_choices(empty.id)} == {begun.id, empty.id}


def test_a_browser_names_no_other_data(site: Site) -> None:
    for data in ("/etc", "../photos", "harbor", ""):
        with pytest.raises(SetupError, match="this server serves harbor-tiny"):
            site.conversations.create(data)
    with pytest.raises(SetupError, match="no conversation"):
        site.conversations.get("chat-nowhere")


def test_commands_and_nonsense_are_answered(site: Site) -> None:
    room = site.conversations.create("harbor-tiny")
    room.say("/help")
    assert "Commands that need no model" in room.state().notice
    room.say("   ")
    room.say("/dance")
    assert "there is no command '/dance'" in room.state().notice
    room.say("\x1b[31m![x](http://evil.example/a.png)<script>")
    _rest(room)
    assert all("\x1b" not in message.text for message in room.messages())


def test_a_run_that_is_done_is_a_change_though_no_step_follows(site: Site, fabricated) -> None:
    runs = site.workspace.runs
    run = runs.create(replace(runs.get(fabricated.run_id).spec, data="harbor-tiny", beside="chat-one"))
    save_record(site.workspace, ChatRecord("chat-one", "harbor-tiny", started=True, run_id=run.id))
    room = site.conversations.get("chat-one")
    before = room.state().stamp
    runs.mark(run.id, "done")
    assert room.state().stamp != before
    assert len(room.messages()) == 1


def test_an_approval_is_a_line_of_the_chat_whoever_gave_it(site: Site, fabricated) -> None:
    runs, events = site.workspace.runs, site.workspace.events
    run = runs.create(replace(runs.get(fabricated.run_id).spec, data="harbor-tiny", beside="chat-one"))
    save_record(site.workspace, ChatRecord("chat-one", "harbor-tiny", started=True, run_id=run.id))
    room = site.conversations.get("chat-one")
    with events.span(run.id, "planner", "rules", {"round": 1, "steps": []}) as decision:
        decision.output = {"reason": "Make the images.", "calls": []}
    for by, decided in (("in the web form", "edit"), ("by --auto", "approve")):
        with events.span(run.id, "approval", decided, {"protocol": "p", "images": 40}, decision.id) as span:
            counts = [{"cell": {"class_name": "tug", "facet": "light", "value": "night"}, "count": 12}]
            span.output = {"answer": {"decision": decided}, "by": by, "images": 12, "counts": counts}
    assert [(message.who, message.text) for message in room.messages()[1:]] == [
        ("person", "Approved in the web form, changed: 12 images instead of 40: 12 of tug, light=night"),
        ("agent", "Approved by --auto: 12 images instead of 40: 12 of tug, light=night"),
    ]


def test_what_another_server_did_in_a_conversation_is_seen_and_not_undone(site: Site) -> None:
    room = site.conversations.create("harbor-tiny")
    room.say("night photos are not found; you have 12 images")
    _rest(room)
    other = Site(site.workspace, RunRequest(RunSpec("", "", Goal(""), Budget()), ReadOptions()), ("harbor-tiny",))
    there = other.conversations.get(room.id)
    there.say("day photos of ferries are not found; you have 6 images")
    _rest(there)
    room.say("note: the masts are thin")
    _rest(room)
    assert room.desk.planned.budget.images == there.desk.planned.budget.images == 6
    assert there.desk.planned.notes == ("the masts are thin",)


def test_a_key_that_is_typed_is_nowhere(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    room = site.conversations.create("harbor-tiny")
    room.say(f"my key is {KEY}, night photos are not found; 12 images")
    _rest(room)
    assert room.messages()
    assert KEY not in json.dumps([message.text + message.title for message in room.messages()])
    for file in site.workspace.folder.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
