"""A workspace, and calls of a scripted model in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.records import Budget, Cell, CellRequest, Comparison, Decision, Goal, Price, Protocol, RunSpec
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.run.round import JudgedRound
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
        cost_tracker = CostTracker(workspace.ledger, run_id, spec)
        return ModelCalls(NAME, [ChatModel(NAME, model)], workspace, run_id, cost_tracker, **more), model

    return begun


def failed_round(index: int, *targets: Cell) -> JudgedRound:
    """A round that made images for some cells and was rolled back."""
    requests = tuple(CellRequest(cell, 1) for cell in targets)
    protocol = Protocol("p", index, "edit", requests, "photos", "why", "margin", 0.7, 0.1)
    nothing = Comparison(0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 20, 2)
    return JudgedRound(
        index=index,
        protocol=protocol,
        decision=Decision(False, "not proven", nothing, nothing, nothing),
        trained_on=(),
    )
