"""Reading the goal of a new run: by its chat model where it has one, else by rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import BudgetExceeded, NoUsableReply, ProviderUnavailable, SetupError
from atlantis_core.run.goals.clauses import CHOOSES_BY_TEST, IS_QUESTION, forbids_images
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.goals.limits import apply_limits
from atlantis_core.run.goals.reading import read_goal
from atlantis_core.run.remedies import REMEDIES, leave_out_synthesis
from atlantis_dml.app.chat_models import RULES, build_model_calls

if TYPE_CHECKING:
    from atlantis_core.records import Collection, Goal, RunSpec
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.tools.context import ReadGoal

_REFUSALS = {"question": IS_QUESTION, "choose_by_test": CHOOSES_BY_TEST}


def create_with_goal(spec: RunSpec, collection: Collection, workspace: Workspace) -> tuple[Run, list[str]]:
    """Store a run whose goal is read in its collection; return it, and lines on what was read otherwise than usual.

    A chat model reads it under the new run, which books its calls. If it gives no usable answer, the rules do.

    Raises:
        SetupError: No run can do what the goal asks for: nothing is spent, and a run that a model was asked for ends.
    """
    goal = read_goal(spec.goal.text, collection)
    if spec.planner == RULES:
        _require_evidence(describe_missing_evidence(goal, collection))
        remedies, lines = _choose_remedies(spec, forbids_images(spec.goal.text))
        return workspace.runs.create(replace(spec, goal=goal, remedies=remedies)), lines
    run = workspace.runs.create(replace(spec, goal=goal))
    try:
        return _read_by_model(run, collection, workspace)
    except SetupError:
        workspace.runs.mark(run.id, "done", "goal_unclear")
        raise


def read_by_model(calls: ModelCalls, text: str, collection: Collection) -> Goal:
    """Return a goal as a chat model reads it; as the rules do where it gives no usable answer.

    Raises:
        SetupError: It is a question, or asks to choose by the test split.
    """
    from atlantis_dml.agents.llm.goal_reader import ChatGoalReader

    try:
        found: ReadGoal = ChatGoalReader(calls).read(text, collection)
    except (NoUsableReply, ProviderUnavailable, BudgetExceeded):
        return read_goal(text, collection)
    _require_evidence(_REFUSALS.get(found.kind, ""))
    return found.goal


def _read_by_model(run: Run, collection: Collection, workspace: Workspace) -> tuple[Run, list[str]]:
    from atlantis_dml.agents.llm.goal_reader import ChatGoalReader

    spec = run.spec
    try:
        found: ReadGoal = ChatGoalReader(build_model_calls(workspace, run.id, spec)).read(spec.goal.text, collection)
    except (NoUsableReply, ProviderUnavailable, BudgetExceeded) as error:
        _require_evidence(describe_missing_evidence(spec.goal, collection))
        return run, [f"the goal was read by rules: {error}"]
    _require_evidence(_REFUSALS.get(found.kind, ""))
    _require_evidence(describe_missing_evidence(found.goal, collection))
    budget, lines = apply_limits(spec.budget, found.limits, spec.goal.text, is_approved=not spec.auto)
    remedies, free = _choose_remedies(spec, found.limits.images == 0)
    lines += free
    workspace.runs.settle(run.id, replace(spec, goal=found.goal, budget=budget, remedies=remedies))
    return workspace.runs.get(run.id), lines


def _choose_remedies(spec: RunSpec, is_without_images: bool) -> tuple[tuple[str, ...], list[str]]:
    """Return the remedies of a run, and a line where its goal allows no generated images; an option comes first."""
    if not is_without_images or spec.remedies != tuple(REMEDIES):
        return spec.remedies, []
    free = leave_out_synthesis(REMEDIES)
    return free, [f"the goal allows no generated images: remedies {', '.join(free)} (--remedies overrides it)"]


def _require_evidence(problem: str) -> None:
    if problem:
        raise SetupError(problem)
