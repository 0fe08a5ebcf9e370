"""A workspace, and calls of a scripted model in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.records import Budget, Goal, Price, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.store.workspace import Workspace
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.scripted import ScriptedChatModel

NAME = "openai:scripted"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def scripted(workspace: Workspace) -> Callable[..., tuple[ModelCalls, ScriptedChatModel]]:
    """Return calls of a model that answers from a script, and the model: `scripted(*script, usd=1.0)`."""

    def begun(*script: Any, run_id: str = "run", usd: float | None = None, **more: Any) -> Any:
        model = ScriptedChatModel(script=list(script))
        spec = RunSpec("c", "d", Goal("g"), Budget(usd=usd), prices={NAME: Price(1.0, 10.0, 0.1)})
        purse = CostTracker(workspace.ledger, run_id, spec)
        return ModelCalls(NAME, [ChatModel(NAME, model)], workspace, run_id, purse, **more), model

    return begun
