"""A small real world and runs over it: real images, edits and trainings, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from atlantis_core.data.reading import LoadedCollection, read_collection
from atlantis_core.harbor.world_files import write_bundled_collection
from atlantis_core.records import Budget, Collection, Goal, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.redaction import Redact
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.planner import ChatPlanner
from atlantis_dml.agents.rules.drafter import RuleDrafter
from atlantis_dml.agents.rules.planner import RulePlanner
from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter
from atlantis_dml.tools import make_tools
from atlantis_dml.tools.context import RunContext


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> LoadedCollection:
    return read_collection(write_bundled_collection("harbor-tiny", tmp_path_factory.mktemp("worlds")))


@pytest.fixture(scope="session")
def activations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One activation cache for all runs: the point of a content address."""
    return tmp_path_factory.mktemp("activations")


@pytest.fixture
def begin(tiny_world: LoadedCollection, activations: Path, tmp_path: Path) -> Callable[..., RunContext]:
    """Return a function that begins a run, on another collection or with some settings changed."""

    def begun(collection: Collection | None = None, **changes: Any) -> RunContext:
        workspace = Workspace(tmp_path / "workspace")
        (workspace.path("cache") / "activations").symlink_to(activations)
        loaded = replace(tiny_world, collection=collection) if collection else tiny_world
        settings: dict[str, Any] = {
            "collection_id": workspace.collections.add(loaded),
            "data": "harbor-tiny",
            "goal": Goal("mend it"),
            "budget": Budget(images=12, rounds=2),
            "backbone": "harbor-student",
            "preset": "smoke",
        }
        run = workspace.runs.create(RunSpec(**(settings | changes)))
        session = Session(workspace, run.id, run.spec)
        return RunContext(session, RulePlanner(), RuleDrafter(), TemplatePromptWriter())

    return begun


@pytest.fixture
def journal() -> Callable[[RunContext], dict[int, dict[str, Any]]]:
    """Read a run's journal: round -> entry -> data."""
    return lambda context: context.session.workspace.journal.rounds(context.session.run_id)


@pytest.fixture
def chat() -> Callable[..., tuple[ChatPlanner, ScriptedChatModel]]:
    """Return a planner of a run whose model answers from a script, and the model: `chat(context, *script)`."""

    def scripted(context: RunContext, *script: Any, redact: Redact = str) -> tuple[ChatPlanner, ScriptedChatModel]:
        model, session = ScriptedChatModel(script=list(script)), context.session
        cost_tracker = CostTracker(session.workspace.ledger, session.run_id, session.spec)
        name = "openai:scripted"
        calls = ModelCalls(
            name, [ChatModel(name, model)], session.workspace, session.run_id, cost_tracker, redact=redact
        )
        return ChatPlanner(calls, make_tools()), model

    return scripted


@pytest.fixture
def call() -> Callable[..., AIMessage]:
    """Return a model's answer that calls one tool: `call("find_gaps", top=5)`."""

    def calling(name: str, **arguments: Any) -> AIMessage:
        usage = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100}
        calls = [{"name": name, "args": arguments, "id": f"call-{name}"}]
        return AIMessage(f"Now {name}.", tool_calls=calls, usage_metadata=usage)

    return calling
