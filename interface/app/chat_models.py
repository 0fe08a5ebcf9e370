"""Builds the chat models that a run names: its planner, the fallback, its eyes, and its captioner if that is one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

    from atlantis_core.base.ports import Captioner
    from atlantis_core.records import RunSpec
    from atlantis_core.run.sheets.looking import Eyes
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.calls import ModelCalls

RULES = "rules"


def build_model_calls(workspace: Workspace, run_id: str, spec: RunSpec, *, streaming: bool = False) -> ModelCalls:
    """Return what calls a run's chat models, its planner and then its fallback, at the cost of `run_id`.

    Raises:
        SetupError: A name is not a chat model's, there is no key, or the recording is missing.
    """
    from atlantis_core.run.cost_tracker import CostTracker
    from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
    from atlantis_dml.agents.client.recording import read_recording
    from atlantis_dml.settings import build_redaction

    costs = CostTracker(workspace.ledger, run_id, spec)
    if spec.recording:
        recording = read_recording(workspace.path("recordings") / f"{spec.recording}.json")
        return ModelCalls(spec.planner, [], workspace, run_id, costs, spec.base_url or "", recording=recording)
    names = [name for name in (spec.planner, spec.fallback) if name]
    models = [ChatModel(name, load_chat_model(name, spec, streaming=streaming)) for name in names]
    return ModelCalls(spec.planner, models, workspace, run_id, costs, spec.base_url or "", build_redaction())


def check_chat_models(spec: RunSpec) -> None:
    """Refuse a planner or fallback that cannot be built, before any work.

    Raises:
        SetupError: Says which, and what is missing.
    """
    if spec.vision and spec.vision != spec.planner and not spec.recording:
        load_chat_model(spec.vision, spec)
    if spec.planner == RULES:
        if spec.fallback:
            raise SetupError(f"--fallback {spec.fallback!r} has no effect: the planner is 'rules', not a chat model")
        return
    if spec.fallback == spec.planner:
        raise SetupError(f"--fallback {spec.fallback!r} is also the planner; name another model")
    if not spec.recording:
        for name in filter(None, (spec.planner, spec.fallback)):
            load_chat_model(name, spec)


def make_captioner_factory(workspace: Workspace, run_id: str, spec: RunSpec) -> Callable[[], Captioner] | None:
    """Return a factory of a captioner that is a chat model; None for any other, which is built by name.

    The factory is called at the first caption, and raises `SetupError` if there is no key.
    """
    from atlantis_dml.agents.client.models import is_chat_model

    def build() -> Captioner:
        from atlantis_dml.agents.client.recording import CAPTIONER, read_recording
        from atlantis_dml.agents.llm.captioner import ChatCaptioner

        captioning = replace(spec, planner=spec.captioner, fallback=None)
        if spec.recording:
            calls = read_recording(workspace.path("recordings") / f"{spec.recording}.json").calls
            if not any(call["agent"] == CAPTIONER for call in calls):  # of a version that recorded no captions
                captioning = replace(captioning, recording="")
        return ChatCaptioner(build_model_calls(workspace, run_id, captioning), workspace.results)

    return build if is_chat_model(spec.captioner) else None


def build_eyes(workspace: Workspace, run_id: str, spec: RunSpec) -> Eyes | None:
    """Return the model that looks at a run's contact sheets; None if it has none.

    Raises:
        SetupError: There is no key, or the recording is missing.
    """
    if not spec.vision:
        return None
    from atlantis_dml.agents.llm.eyes import ChatEyes

    return ChatEyes(build_model_calls(workspace, run_id, replace(spec, planner=spec.vision, fallback=None)))


def load_chat_model(name: str, spec: RunSpec, *, streaming: bool = False) -> BaseChatModel:
    """Build a chat model by name.

    Raises:
        SetupError: The name is not a chat model's, there is no key, or the base URL is not a URL.
    """
    from atlantis_dml.agents.client.models import Access, build_chat_model
    from atlantis_dml.settings import Settings

    settings = Settings()
    access = Access(
        settings.key(name),
        spec.base_url or settings.address(name),
        settings.azure_api_version,
        settings.model_timeout_seconds,
    )
    return build_chat_model(name, access, streaming=streaming)
