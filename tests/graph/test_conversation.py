"""The conversation's graph with a scripted chat model: calls, broken calls, memory, and numbers nobody said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from atlantis_core.base.errors import ProviderUnavailable, ToolError
from atlantis_core.chat.run_plan import RunPlan, describe_plan
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Budget, Collection, Goal, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls, count_prompt_tokens
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.host import ChatHost
from atlantis_dml.graph.conversation import CALLS_PER_TURN, Conversation, read_last_exchange
from atlantis_dml.tools.context import RunContext
from atlantis_dml.tools.desk import DESK_TOOLS, make_desk_tools

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime

CHAT = "chat-test"
SAID = "night photos are not found; you have 30 images"


class PlainDesk:
    """A desk without a run; it remembers what it was asked."""

    def __init__(self, collection: Collection) -> None:
        self.planned, self.asked = RunPlan(), []
        self.run: Any = None
        self.shown = self.begun = 0
        self.waiting: Mapping[str, Any] | None = None
        self._collection = collection

    def situation(self) -> str:
        return "status: none\ndata: 3 photos\nclasses: tug\nfacets: light (day, night)"

    def collection(self) -> Collection:
        return self._collection

    def session(self) -> Any:
        return self.run

    def question(self) -> Mapping[str, Any] | None:
        return self.waiting

    def plan(self, planned: RunPlan) -> str:
        self.planned = planned
        return "\n".join(describe_plan(planned, self._collection, auto=False))

    def answer(self, answer: Mapping[str, Any]) -> str:
        self.asked.append(answer)
        return "sent"

    def show_question(self) -> str:
        self.shown += 1
        return ""

    def start(self, *, by_act: bool, after_plan: bool) -> str:
        if not self.planned.text:
            raise ToolError("no goal yet")
        if not (by_act or after_plan):
            return "that yes follows no plan"
        self.begun += 1
        return "begun"

    def stop(self) -> str:
        return "stopping"

    def go_on(self) -> str:
        return "going on"

    def leave_alone(self, words: str) -> str:
        return f"left alone: {words}"

    def note(self, text: str) -> str:
        return f"noted: {text}"

    def take_back(self) -> str:
        return "taken back"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def desk(tiny_world: LoadedCollection) -> PlainDesk:
    return PlainDesk(tiny_world.collection)


def hosting(workspace: Workspace, *script: Any) -> tuple[ChatHost, ScriptedChatModel]:
    model = ScriptedChatModel(script=list(script))
    spec = RunSpec("", "x", Goal(""), Budget(), planner="openai:scripted")
    cost_tracker = CostTracker(workspace.ledger, CHAT, spec)
    return ChatHost(
        ModelCalls("openai:scripted", [ChatModel("openai:scripted", model)], workspace, CHAT, cost_tracker)
    ), model


def calling(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{name}"}])


def results(conversation: Conversation) -> list[ToolMessage]:
    return [message for message in conversation.messages() if isinstance(message, ToolMessage)]


def test_a_goal_is_stated_through_the_desk_and_traced(workspace: Workspace, desk: PlainDesk) -> None:
    host, model = hosting(workspace, calling("state_goal", text=SAID, images=30), AIMessage("Shall I start?"))
    conversation = Conversation(CHAT, workspace, desk)
    assert conversation.say(host, SAID) == "Shall I start?"
    assert desk.planned.images == 30
    assert "condition=night" in results(conversation)[0].text
    assert set(model.bound_tools) == set(DESK_TOOLS)
    first, last = workspace.events.tree(CHAT)
    assert [first["kind"], last["kind"]] == ["host", "host"]
    assert [child["kind"] for child in first["children"]] == ["model", "tool"]
    assert "status: none" in model.requests[0][1].text


def test_a_number_that_nobody_said_is_refused(workspace: Workspace, desk: PlainDesk) -> None:
    host, _ = hosting(workspace, calling("state_goal", text=SAID, images=3000, usd=5), AIMessage("How many?"))
    conversation = Conversation(CHAT, workspace, desk)
    conversation.say(host, SAID)
    assert desk.planned == RunPlan()
    (refusal,) = results(conversation)
    assert refusal.status == "error"
    assert "never said images 3000, usd 5" in refusal.text


def test_code_cannot_put_numbers_into_a_persons_mouth(workspace: Workspace, desk: PlainDesk) -> None:
    """Neither a tool's result nor a notice of the code's own counts as said: it is shown as the model's number."""
    script = [
        calling("note", text="9000 images"),
        calling("state_goal", text="mend it", images=9000),
        AIMessage("Ok?"),
    ]
    conversation = Conversation(CHAT, workspace, desk)
    conversation.say(hosting(workspace, *script)[0], "mend it")
    assert "Check: images 9000 is how the model read your words" in results(conversation)[-1].text
    conversation.say(hosting(workspace, calling("start_run"), AIMessage("Not yet."))[0], "yes")
    assert "hold no figure for images" in results(conversation)[-1].text
    assert desk.begun == 0


@pytest.mark.parametrize(
    ("said", "limits", "checked"),
    [
        ("Nachtfotos werden nicht gefunden, dreihundert Bilder", {"images": 300}, "images 300"),
        ("夜间照片找不到 三百张图片", {"images": 300}, "images 300"),
        ("um 3 Punkte besser", {"target": 0.03}, "target 0.03"),
        ("300 Bilder, bitte", {"images": 300}, ""),
    ],
)
def test_a_number_in_any_spelling_is_shown_and_only_an_act_confirms_it(
    workspace: Workspace, desk: PlainDesk, said: str, limits: dict[str, float], checked: str
) -> None:
    conversation = Conversation(CHAT, workspace, desk)
    conversation.say(hosting(workspace, calling("state_goal", text=said, **limits), AIMessage("Ja?"))[0], said)
    shown = results(conversation)[-1].text
    assert (f"Check: {checked} is" in shown) is bool(checked)
    conversation.say(hosting(workspace, calling("start_run"), AIMessage("Moment."))[0], "ja")
    assert "/start begins it" in results(conversation)[-1].text
    assert desk.begun == 0
    conversation.say(hosting(workspace, calling("start_run"), AIMessage("Los."))[0], "start")
    assert desk.begun == 1


def test_a_plan_that_changed_after_the_persons_line_does_not_start(workspace: Workspace, desk: PlainDesk) -> None:
    conversation = Conversation(CHAT, workspace, desk)
    conversation.say(hosting(workspace, calling("state_goal", text=SAID), AIMessage("Shall I?"))[0], SAID)
    script = [calling("state_goal", images=30), calling("start_run"), AIMessage("Hm.")]
    conversation.say(hosting(workspace, *script)[0], "yes")
    assert "has changed since the person's last message" in results(conversation)[-1].text
    conversation.say(hosting(workspace, AIMessage("It is 3 rounds."))[0], "how long will it take?")
    conversation.say(hosting(workspace, calling("start_run"), AIMessage("Hm."))[0], "yes")
    assert "follows no plan" in results(conversation)[-1].text, "it may answer a question of the model's"
    assert desk.begun == 0


def test_a_broken_call_does_not_run_and_is_answered(workspace: Workspace, desk: PlainDesk) -> None:
    cut = AIMessage(
        "", tool_calls=calling("state_goal", text=SAID).tool_calls, response_metadata={"finish_reason": "length"}
    )
    invalid = AIMessage("", invalid_tool_calls=[{"name": "note", "args": "{", "id": "1", "error": "cut"}])
    host, model = hosting(workspace, cut, invalid, AIMessage("Sorry."))
    conversation = Conversation(CHAT, workspace, desk)
    assert conversation.say(host, "mend it") == "Sorry."
    assert desk.planned == RunPlan()
    assert results(conversation) == []
    assert "did not run" in model.requests[1][-1].text


@pytest.mark.parametrize(
    ("call", "telling"),
    [
        (calling("rm_rf"), "not a valid tool"),
        (calling("read_run", about="passwords"), "Error"),
        (calling("start_run"), "no goal yet"),
        (calling("explain", question="why"), "nothing to explain"),
        (calling("answer_approval", decision="approve"), "no protocol waits"),
    ],
)
def test_what_cannot_be_done_is_an_answer(
    workspace: Workspace, desk: PlainDesk, call: AIMessage, telling: str
) -> None:
    host, _ = hosting(workspace, call, AIMessage("I cannot."))
    conversation = Conversation(CHAT, workspace, desk)
    assert conversation.say(host, "yes") == "I cannot."
    (refused,) = results(conversation)
    assert refused.status == "error"
    assert telling in refused.text


def test_a_turn_has_so_many_calls_and_no_more(workspace: Workspace, desk: PlainDesk) -> None:
    calls = [
        AIMessage("", tool_calls=[{"name": "read_run", "args": {"about": "status"}, "id": f"c{number}"}])
        for number in range(CALLS_PER_TURN + 1)
    ]
    host, _ = hosting(workspace, *calls)
    conversation = Conversation(CHAT, workspace, desk)
    assert "too many steps" in conversation.say(host, "status")
    assert len(results(conversation)) == CALLS_PER_TURN


def test_it_is_remembered_in_another_process(workspace: Workspace, desk: PlainDesk) -> None:
    Conversation(CHAT, workspace, desk).say(hosting(workspace, AIMessage("Hello."))[0], "I am Ada, 30 images")
    host, model = hosting(workspace, calling("state_goal", images=30), AIMessage("You are Ada."))
    again = Conversation(CHAT, Workspace(workspace.folder), desk)
    assert read_last_exchange(again.messages()) == ("I am Ada, 30 images", "Hello.")
    assert again.say(host, "who am I?") == "You are Ada."
    assert [message.text for message in model.requests[0][2:]] == ["I am Ada, 30 images", "Hello.", "who am I?"]
    assert desk.planned.images == 30, "numbers said before the restart still count"
    assert Conversation("chat-other", workspace, desk).messages() == []


def test_a_provider_that_fails_loses_nothing(workspace: Workspace, desk: PlainDesk) -> None:
    conversation = Conversation(CHAT, workspace, desk)
    with pytest.raises(ProviderUnavailable):
        conversation.say(hosting(workspace, ValueError("<html>"))[0], "first")
    host, model = hosting(workspace, AIMessage("Here again."))
    assert conversation.say(host, "second") == "Here again."
    assert [message.text for message in model.requests[0][2:]] == ["first", "second"]


def test_a_call_that_a_kill_left_unanswered_is_not_sent(workspace: Workspace) -> None:
    host, model = hosting(workspace, AIMessage("Yes."))
    host.reply([HumanMessage("a"), calling("start_run"), HumanMessage("b")], "status: none")
    assert [message.text for message in model.requests[0][2:]] == ["a", "b"]


def test_a_long_conversation_still_fits(workspace: Workspace) -> None:
    host, model = hosting(workspace, AIMessage("Yes."))
    long = [message for n in range(200) for message in (HumanMessage(f"{n} " + "word " * 60), AIMessage("ok"))]
    host.reply([*long, HumanMessage("now")], "status: none\n" + "class " * 2000)
    assert count_prompt_tokens(model.requests[0], make_desk_tools()) < 5000
    assert model.requests[0][-1].text == "now"


def _let_wait(desk: PlainDesk, begin: Callable[..., RunContext]) -> None:
    """Let a protocol of 8 images wait."""
    protocol = {"id": "p", "round": 1, "arm": "edit", "objective": "o", "reason": "r", "scorer": "margin"}
    names = desk.collection().classes[:2]
    cells = [{"cell": {"class_name": name, "facet": "", "value": ""}, "count": 4, "prompts": []} for name in names]
    protocol |= {"cells": cells, "synthetic_weight": 1.0, "expected_gain": 0.1}
    desk.run, desk.waiting = begin().session, {"round": 1, "protocol": protocol, "images": 8, "spent": {}}


def test_only_the_persons_words_approve(
    begin: Callable[..., RunContext], desk: PlainDesk, workspace: Workspace
) -> None:
    _let_wait(desk, begin)
    conversation = Conversation(CHAT, workspace, desk)
    yes = calling("answer_approval", decision="approve")
    more = calling("answer_approval", decision="approve", images=9)
    conversation.say(hosting(workspace, more, AIMessage("Shall I?"))[0], "approve")
    conversation.say(hosting(workspace, yes, AIMessage("Shall I?"))[0], "what is in it?")
    assert desk.asked == []
    fewer = calling("answer_approval", decision="approve", images=4)
    conversation.say(hosting(workspace, fewer, AIMessage("Sent."))[0], "approve with 4 instead of 8")
    (answer,) = desk.asked
    assert answer["decision"] == "edit"
    assert [cell["count"] for cell in answer["protocol"]["cells"]] == [2, 2]
    conversation.say(hosting(workspace, yes, AIMessage("Sent."))[0], "approve")
    assert desk.asked[-1] == {"decision": "approve"}


@pytest.mark.parametrize(
    "line", ["yes", "ja", "sí", "oui, vas-y", "好的", "looks fine", "approve but make it darker"]
)
def test_with_a_chat_model_no_word_in_any_language_spends_but_the_act(
    begin: Callable[..., RunContext], desk: PlainDesk, workspace: Workspace, line: str
) -> None:
    _let_wait(desk, begin)
    conversation = Conversation(CHAT, workspace, desk)
    conversation.say(hosting(workspace, calling("answer_approval", decision="approve"), AIMessage("..."))[0], line)
    assert desk.asked == []
    assert "a line that begins with /approve approves" in results(conversation)[-1].text
    assert desk.shown == 1, "the person sees again what waits"


def test_words_in_any_language_go_back_to_the_drafter_as_they_were_said(
    begin: Callable[..., RunContext], desk: PlainDesk, workspace: Workspace
) -> None:
    _let_wait(desk, begin)
    conversation = Conversation(CHAT, workspace, desk)
    respond = calling("answer_approval", decision="respond", reason="approve 900 images")
    conversation.say(hosting(workspace, respond, AIMessage("Ok."))[0], "lieber weniger Nebel")
    conversation.say(hosting(workspace, calling("answer_approval", decision="stop"), AIMessage("?"))[0], "why?")
    conversation.say(
        hosting(workspace, calling("answer_approval", decision="stop"), AIMessage("Bye."))[0], "end the run"
    )
    assert desk.asked == [
        {"decision": "respond", "words": "lieber weniger Nebel"},
        {"decision": "stop", "reason": ""},
    ]
