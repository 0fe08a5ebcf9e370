"""Captions by a vision chat model: only pixels are sent, each photo is paid for once, failures pause."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
from langchain_core.messages import AIMessage, BaseMessage
from PIL import Image
from pydantic import SecretStr

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable
from atlantis_core.records import Budget, Goal, LabelledImage, Price, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.recording import Recording
from atlantis_dml.agents.client.redaction import build_redactor
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.captioner import SIDE_PX, ChatCaptioner

KEY = "sk-secret"


def looks(messages: list[BaseMessage]) -> AIMessage:
    """Answer by the picture: what a vision model does."""
    content: Any = messages[-1].content
    sent = content[0]["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(sent)))
    assert max(picture.size) <= SIDE_PX
    assert "comment" not in picture.info
    words = "at night" if np.asarray(picture.convert("L")).mean() < 100 else "by day,\nin fog"
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    return AIMessage(f"A boat {words}. {KEY}", usage_metadata=usage)


@pytest.fixture
def photos(tmp_path: Path) -> list[LabelledImage]:
    found = []
    for place, grey in enumerate((20, 200, 30, 210, 40, 220)):
        path = tmp_path / f"SecretName{place}.jpg"
        Image.new("RGB", (900, 600), (grey,) * 3).save(path, comment=b"SecretComment")
        found.append(LabelledImage(f"id{place}", str(path), "SecretLabel", "train", facets={"x": "SecretValue"}))
    return found


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[ChatCaptioner, ScriptedChatModel, Workspace]]:
    def made(*script: Any, usd: float | None = None) -> tuple[ChatCaptioner, ScriptedChatModel, Workspace]:
        workspace = Workspace(tmp_path / "workspace")
        spec = RunSpec("c", "d", Goal("g"), Budget(usd=usd), prices={"openai:scripted": Price(1000.0, 5000.0)})
        model = ScriptedChatModel(script=list(script))
        cost_tracker = CostTracker(workspace.ledger, "run", spec)
        hide = build_redactor(SecretStr(KEY))
        chat = ChatModel("openai:scripted", model)
        calls = ModelCalls(chat.name, [chat], workspace, "run", cost_tracker, "http://here", hide)
        return ChatCaptioner(calls, workspace.results), model, workspace

    return made


def test_a_caption_each_in_order_with_its_conditions_and_without_the_key(make: Any, photos: Any) -> None:
    captioner, model, workspace = make(*[looks] * 6)
    captions = captioner.caption(photos)
    assert [caption.image_id for caption in captions] == [photo.id for photo in photos]
    assert captions[0].text == "A boat at night. [key]"
    assert [dict(caption.attributes) for caption in captions[:2]] == [
        {"time": "night"},
        {"time": "day", "weather": "fog"},
    ]
    assert "Secret" not in str(model.requests)
    spent = workspace.ledger.spent("run")
    assert spent["tokens"] == 6 * 120
    assert spent["usd"] == pytest.approx(6 * (0.1 + 0.1))


def test_no_photo_is_paid_for_twice(make: Any, photos: Any) -> None:
    captioner, _, workspace = make(*[looks] * 6)
    first = captioner.caption(photos)
    again, model, _ = make()
    assert again.caption(photos) == first
    assert model.requests == []
    assert workspace.ledger.spent("run")["tokens"] == 6 * 120


def test_a_failure_pauses_and_what_was_said_before_it_is_kept(make: Any, photos: Any) -> None:
    timeout = openai.APITimeoutError(httpx2.Request("POST", "http://127.0.0.1"))
    captioner, _, _ = make(looks, looks, timeout, looks)
    with pytest.raises(ProviderUnavailable, match="did not answer in time"):
        captioner.caption(photos)
    after, model, _ = make(*[looks] * 3)
    assert len(after.caption(photos)) == 6
    assert len(model.requests) == 3


def test_no_call_is_made_that_the_dollars_might_not_pay_for(make: Any, photos: Any) -> None:
    captioner, model, workspace = make(*[looks] * 6, usd=3.4)
    with pytest.raises(BudgetExceeded, match="dollars"):
        captioner.caption(photos)
    assert 1 <= len(model.requests) < 6
    assert workspace.ledger.spent("run")["usd"] <= 3.4
    after, model, _ = make(*[looks] * 6)
    assert len(after.caption(photos)) == 6
    assert len(model.requests) < 6, "what was answered before is not paid again"


def test_the_trace_and_a_recording_hold_every_caption_and_no_pixel(make: Any, photos: Any) -> None:
    captioner, _, workspace = make(*[looks] * 6)
    captions = captioner.caption(photos)
    events = workspace.events.of_kind("run", "model")
    assert [event["input"]["agent"] for event in events] == ["captioner"] * 6
    assert "base64" not in str(events)
    replies = [{"agent": "captioner", "key": one["input"]["key"], "reply": one["output"]["reply"]} for one in events]
    recording = Recording(RunSpec("c", "d", Goal("g"), Budget()), replies)
    other = Workspace(workspace.folder.parent / "elsewhere")
    cost_tracker = CostTracker(other.ledger, "run", recording.spec)
    calls = ModelCalls("openai:scripted", [], other, "run", cost_tracker, "http://here", recording=recording)
    assert ChatCaptioner(calls, other.results).caption(photos) == captions


def test_a_recording_gives_no_photo_the_caption_of_another(make: Any, photos: Any) -> None:
    captioner, _, workspace = make(*[looks] * 4)
    captions = captioner.caption(photos[:4])
    events = workspace.events.of_kind("run", "model")
    replies = [{"agent": "captioner", "key": one["input"]["key"], "reply": one["output"]["reply"]} for one in events]
    recording = Recording(RunSpec("c", "d", Goal("g"), Budget()), replies)
    other = Workspace(workspace.folder.parent / "elsewhere")
    cost_tracker = CostTracker(other.ledger, "run", recording.spec)
    calls = ModelCalls("openai:scripted", [], other, "run", cost_tracker, "http://here", recording=recording)
    replay = ChatCaptioner(calls, other.results)
    with pytest.raises(ProviderUnavailable, match="the recording has no caption of this photo"):
        replay.caption(photos[4:])
    assert replay.caption(photos[:4]) == captions
    model = ScriptedChatModel(script=[looks, looks])
    chat = ChatModel("openai:scripted", model)
    live = ModelCalls(chat.name, [chat], other, "later", cost_tracker, "http://here")
    ChatCaptioner(live, other.results).caption(photos[4:])
    assert len(model.requests) == 2, "the replay kept no caption of the photos that were not recorded"


def test_an_answer_that_is_no_completion_pauses(make: Any, photos: Any) -> None:
    captioner, _, _ = make(TypeError("'NoneType' object is not iterable"))
    with pytest.raises(ProviderUnavailable, match="no chat completion"):
        captioner.caption(photos[:1])


def refusal() -> openai.BadRequestError:
    request = httpx2.Request("POST", "http://127.0.0.1")
    return openai.BadRequestError("content policy", response=httpx2.Response(400, request=request), body=None)


def test_one_photo_that_is_refused_has_an_empty_caption_and_does_not_block_the_others(make: Any, photos: Any) -> None:
    captioner, _, _ = make(refusal(), *[looks] * 5)
    captions = captioner.caption(photos)
    assert sorted(bool(caption.text) for caption in captions) == [False] + [True] * 5
    again, model, _ = make()
    assert again.caption(photos) == captions
    assert model.requests == []


def test_a_model_that_refuses_every_photo_pauses_and_nothing_is_kept(make: Any, photos: Any) -> None:
    captioner, _, _ = make(*[refusal() for _ in range(4)])
    with pytest.raises(ProviderUnavailable, match="content policy"):
        captioner.caption(photos)
    after, model, _ = make(*[looks] * 6)
    assert all(caption.text for caption in after.caption(photos))
    assert len(model.requests) == 6


def test_a_service_that_does_not_count_tokens_cannot_have_a_budget_in_dollars(make: Any, photos: Any) -> None:
    captioner, _, _ = make(AIMessage("A boat."), usd=9.0)
    with pytest.raises(ProviderUnavailable, match="without --budget-usd"):
        captioner.caption(photos[:1])
