"""Builds the agents of a run, its chat models, and its captioner if that is a chat model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

    from atlantis_core.base.ports import Captioner
    from atlantis_core.base.stopping import StopToken
    from atlantis_core.records import RunSpec
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.agents.client.redaction import Redact
    from atlantis_dml.tools.context import RunContext

RULES = "rules"


def build_agents(session: Session, stop: StopToken | None = None) -> RunContext:
    """Return what nodes and tools receive, the planner included. Agents all use rules, or all use one chat model.

    Raises:
        SetupError: Unknown planner, no key for it, or its recording is missing.
    """
    from atlantis_core.base.stopping import StopToken
    from atlantis_dml.tools.context import RunContext

    stop = stop or StopToken()
    if session.spec.planner == RULES:
        from atlantis_dml.agents.critics import RuleCritic
        from atlantis_dml.agents.rules.drafter import RuleDrafter
        from atlantis_dml.agents.rules.planner import RulePlanner
        from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter

        return RunContext(
            session, RulePlanner(), RuleDrafter(), TemplatePromptWriter(), critic=RuleCritic(), stop=stop
        )
    from atlantis_dml.agents.critics import ChatCritic
    from atlantis_dml.agents.llm.drafter import ChatDrafter
    from atlantis_dml.agents.llm.insight import ChatInsight
    from atlantis_dml.agents.llm.planner import ChatPlanner
    from atlantis_dml.agents.llm.prompt_writer import ChatPromptWriter
    from atlantis_dml.tools import make_tools

    calls = build_model_calls(session.workspace, session.run_id, session.spec)
    return RunContext(
        session,
        ChatPlanner(calls, make_tools()),
        ChatDrafter(calls, session),
        ChatPromptWriter(calls),
        ChatInsight(calls),
        ChatCritic(calls),
        stop,
    )


def build_model_calls(workspace: Workspace, run_id: str, spec: RunSpec, *, streaming: bool = False) -> ModelCalls:
    """Return what calls a run's chat models, its planner and then its fallback, at the cost of `run_id`.

    Raises:
        SetupError: A name is not a chat model's, there is no key, or the recording is missing.
    """
    from atlantis_core.run.cost_tracker import CostTracker
    from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
    from atlantis_dml.agents.client.recording import read_recording

    costs = CostTracker(workspace.ledger, run_id, spec)
    if spec.recording:
        recording = read_recording(workspace.path("recordings") / f"{spec.recording}.json")
        return ModelCalls(spec.planner, [], workspace, run_id, costs, spec.base_url or "", recording=recording)
    names = [name for name in (spec.planner, spec.fallback) if name]
    models = [ChatModel(name, load_chat_model(name, spec, streaming=streaming)) for name in names]
    redact = build_redaction()
    return ModelCalls(spec.planner, models, workspace, run_id, costs, spec.base_url or "", redact)


def build_redaction() -> Redact:
    """Return a function that removes every key of the settings from a text.

    Raises:
        SetupError: The file with the key cannot be read.
    """
    from atlantis_dml.agents.client.redaction import build_redactor
    from atlantis_dml.settings import Settings

    return build_redactor(*Settings().secrets())


def check_chat_models(spec: RunSpec) -> None:
    """Refuse a planner or fallback that cannot be built, before any work.

    Raises:
        SetupError: Says which, and what is missing.
    """
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
