"""The plan of a run that has not started: its goal and limits so far, what is missing, and the steps in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.chat.consent import STARTING_ACT
from atlantis_core.records import Budget, Collection, Goal
from atlantis_core.records.run_spec import DEFAULT_ROUNDS
from atlantis_core.run.drafting import USUAL_NUMBER
from atlantis_core.run.goals.description import describe_goal
from atlantis_core.run.goals.evidence import describe_missing_evidence
from atlantis_core.run.goals.reading import read_goal


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a person has said about a run so far; None for what has not been said."""

    text: str = ""
    """The goal in the person's words."""
    images: int | None = None
    usd: float | None = None
    rounds: int | None = None
    target: float | None = None
    """Recall@1 to reach."""
    skip: tuple[str, ...] = ()
    """What to leave alone, in words that name cells."""
    notes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    """Limits that a chat model read in words without such a figure: "dreihundert Bilder", or none at all."""

    @property
    def budget(self) -> Budget:
        """The limits of the run."""
        return Budget(self.images, self.usd, DEFAULT_ROUNDS if self.rounds is None else self.rounds)

    @property
    def goal_text(self) -> str:
        """The words of the goal, with a target that was said separately."""
        return self.text if self.target is None else f"{self.text} (target: recall {self.target:g})"


def update_plan(planned: RunPlan, text: str, **limits: Any) -> RunPlan:
    """Return the plan with new words and limits.

    An empty text keeps the old words, and a limit (`images`, `usd`, `rounds`, `target`) of None the old value.

    Raises:
        ToolError: A limit is out of range.
    """
    given = {name: value for name, value in limits.items() if value is not None}
    for name, value in given.items():
        if not value > 0 or (name == "target" and value > 1):
            allowed = "more than 0 and at most 1" if name == "target" else "more than 0"
            none = "; leave it out and say 'no new images' in the goal" if name == "images" else ""
            raise ToolError(f"{name} must be {allowed}, not {value:g}{none}")
    unverified = tuple(name for name in planned.unverified if name not in given)
    return replace(planned, text=" ".join(text.split()) or planned.text, unverified=unverified, **given)


def read_plan_goal(planned: RunPlan, collection: Collection) -> Goal:
    """Return the goal: text, cells, target."""
    return read_goal(planned.goal_text, collection)


def list_missing(planned: RunPlan) -> list[str]:
    """Return questions for what a run still needs from a person, the most important first."""
    questions = [] if planned.text else ["what should be found better? e.g. 'night photos of trawlers are not found'"]
    if planned.images is None:
        questions.append(f"how many images may be generated? without a number, {USUAL_NUMBER}")
    return questions


def describe_plan(planned: RunPlan, collection: Collection, goal: Goal | None = None, *, auto: bool) -> list[str]:
    """Return the goal, metric, limits, open questions and steps of a plan, a line each.

    `goal` is the goal as a chat model read it; None has it read by rules.
    """
    if not planned.text:
        return [f"{describe_limits(planned.budget)} Still open: {list_missing(planned)[0]}"]
    goal = read_plan_goal(planned, collection) if goal is None else goal
    understood = [f"Goal: {planned.text}", f"Understood: {describe_goal(goal, collection)}"]
    if missing := describe_missing_evidence(goal, collection):
        return [*understood, f"No run can begin with this goal: {missing}"]
    if goal.mode == "diagnose":
        return [*understood, f"Plan: {_DIAGNOSIS_STEPS}"]
    where = "on those cells" if goal.cells else "over all queries"
    reach = f" until it is {goal.target:g}" if goal.target is not None else ""
    lines = [
        *understood,
        f"Metric: Recall@1 {where}{reach}; a gain counts when a paired test over queries and seeds proves it",
        describe_limits(planned.budget),
    ]
    lines += [_describe_unverified(planned)] if planned.unverified else []
    lines += [f"Left alone: {', '.join(planned.skip)}"] if planned.skip else []
    lines += [f"Note: {note}" for note in planned.notes]
    lines += [f"Open: {question}" for question in list_missing(planned)]
    return [*lines, f"Plan: {_steps(auto)}"]


def describe_next_act(planned: RunPlan, collection: Collection, goal: Goal | None = None) -> list[str]:
    """Return a line on how a plan is started; none without a goal. `goal` as for `describe_plan`."""
    if not planned.text:
        return []
    if describe_missing_evidence(read_plan_goal(planned, collection) if goal is None else goal, collection):
        return ["Nothing was spent. State another goal."]
    return [f"Say {STARTING_ACT if planned.unverified else 'yes'} to start, or change the plan."]


def _describe_unverified(planned: RunPlan) -> str:
    """Return which numbers are a model's reading, so that the person checks them before they start."""
    numbers = ", ".join(f"{name} {getattr(planned, name):g}" for name in planned.unverified)
    return (
        f"Check: {numbers} is how the model read your words, which hold no such figure. {STARTING_ACT} confirms it; "
        "or say another number"
    )


def describe_limits(budget: Budget) -> str:
    """Return a budget as one line."""
    images = USUAL_NUMBER if budget.images is None else f"{count_noun(budget.images, 'image')} in all"
    dollars = "" if budget.usd is None else f", ${budget.usd:g} for chat models"
    return f"Budget: {images}{dollars}, at most {count_noun(budget.rounds, 'round')}."


_DIAGNOSIS_STEPS = (
    "train and measure a baseline on the real photos, list the gaps of the goal, say whether more images would help "
    "there, and end; no image is generated"
)


def _steps(auto: bool) -> str:
    approval = "" if auto else "show you the protocol and wait for your approval, "
    return (
        "train and measure a baseline on the real photos, find the gaps of the goal first, draft a protocol and "
        f"prompts, {approval}generate the images, drop the bad ones, retrain, measure, keep the round only if it is "
        "proven better"
    )
