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
    if spec.planner == RULES:
        spec, lines = _read_by_rules(spec, collection)
        return workspace.runs.create(spec), lines
    run = workspace.runs.create(spec)
    try:
        calls = build_model_calls(workspace, run.id, run.spec)
        spec, lines = _read_by_model(run.spec, collection, calls)
    except SetupError:
        workspace.runs.mark(run.id, "done", "goal_unclear")
        raise
    workspace.runs.settle(run.id, spec)
    return workspace.runs.get(run.id), lines


def read_goal_by_model(calls: ModelCalls, text: str, collection: Collection) -> Goal:
    """Return a goal as a chat model reads it; as the rules do where it gives no usable answer.

    Raises:
        SetupError: It is a question, or asks to choose by the test split.
    """
    found, _ = _ask_model(calls, text, collection)
    return read_goal(text, collection) if found is None else found.goal


def _ask_model(calls: ModelCalls, text: str, collection: Collection) -> tuple[ReadGoal | None, str]:
    """Return what a chat model reads; None, and why, where it gives no usable answer."""
    from atlantis_dml.agents.llm.goal_reader import ChatGoalReader

    try:
        found: ReadGoal = ChatGoalReader(calls).read(text, collection)
    except (NoUsableReply, ProviderUnavailable, BudgetExceeded) as error:
        return None, str(error)
    _require_evidence(_REFUSALS.get(found.kind, ""))
    return found, ""


def _read_by_rules(spec: RunSpec, collection: Collection) -> tuple[RunSpec, list[str]]:
    goal = read_goal(spec.goal.text, collection)
    _require_evidence(describe_missing_evidence(goal, collection))
    remedies, lines = _choose_remedies(spec, forbids_images(spec.goal.text))
    return replace(spec, goal=goal, remedies=remedies), lines


def _read_by_model(spec: RunSpec, collection: Collection, calls: ModelCalls) -> tuple[RunSpec, list[str]]:
    found, problem = _ask_model(calls, spec.goal.text, collection)
    if found is None:
        spec, lines = _read_by_rules(spec, collection)
        return spec, [f"the goal was read by rules: {problem}", *lines]
    _require_evidence(describe_missing_evidence(found.goal, collection))
    budget, lines = apply_limits(spec.budget, found.limits, spec.goal.text, is_approved=not spec.auto)
    remedies, free = _choose_remedies(spec, found.limits.images == 0)
    return replace(spec, goal=found.goal, budget=budget, remedies=remedies), [*lines, *free]


def _choose_remedies(spec: RunSpec, is_without_images: bool) -> tuple[tuple[str, ...], list[str]]:
    """Return the remedies of a run, and a line where its goal allows no generated images; an option comes first."""
    if not is_without_images or spec.remedies != tuple(REMEDIES):
        return spec.remedies, []
    free = leave_out_synthesis(REMEDIES)
    return free, [f"the goal allows no generated images: remedies {', '.join(free)} (--remedies overrides it)"]


def _require_evidence(problem: str) -> None:
    if problem:
        raise SetupError(problem)
