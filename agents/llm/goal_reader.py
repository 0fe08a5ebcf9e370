"""The goal reader: a chat model states a person's words, in any language, in terms of the collection."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from atlantis_core.data.facets import count_facet_values, facet_value_lists
from atlantis_core.run.goals.limits import StatedLimits
from atlantis_core.run.goals.statement import GoalStatement, Kind, check_statement
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.prompts import quoted, render
from atlantis_dml.tools.context import ReadGoal

if TYPE_CHECKING:
    from atlantis_core.records import Collection
    from atlantis_dml.agents.client.calls import ModelCalls

_CLASSES_BYTES = 6000
_MOST_FACETS = 12
_MOST_VALUES = 30
_LONGEST_GOAL = 1200


def _as_list(value: Any) -> Any:
    """Read null as an empty list, a text as a list of one, and an object as its pairs."""
    if isinstance(value, dict):
        return list(value.items())
    return [] if value is None else [value] if isinstance(value, str) else value


def _as_pairs(value: Any) -> Any:
    """Read `{"facet": F, "value": V}` as a pair, too."""
    listed = _as_list(value)
    return [
        (one["facet"], one["value"]) if isinstance(one, dict) and {"facet", "value"} <= set(one) else one
        for one in (listed if isinstance(listed, list) else [])
    ]


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Pairs = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_as_pairs)]


class GoalAnswer(BaseModel):
    """The model's answer, read leniently; fields that it makes up are refused."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    english: str = Field(min_length=3, max_length=400)
    classes: Texts = ()
    values: Pairs = ()
    few_photos: bool = False
    most_photos: int | None = None
    skip_classes: Texts = ()
    skip_values: Pairs = ()
    target: float | None = None
    gain_points: float | None = None
    images: Annotated[int | None, Field(ge=0)] = None
    usd: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    rounds: Annotated[int | None, Field(ge=1)] = None
    missing: Texts = ()
    unmatched: Texts = ()


class ChatGoalReader:
    """Asks a chat model what a goal means; `run.goals.statement` checks the answer."""

    def __init__(self, calls: ModelCalls) -> None:
        self._calls = calls

    def read(self, text: str, collection: Collection) -> ReadGoal:
        """Return the typed goal of a person's words.

        Raises:
            NoUsableReply: Three answers could not be used.
            ProviderUnavailable, BudgetExceeded: See `ModelCalls.ask`.
        """
        return ask_for_object(
            self._calls,
            "goal",
            render("goal"),
            render("goal_facts", **list_goal_facts(text, collection)),
            GoalAnswer,
            lambda answer: _check(answer, text, collection, self._calls.name),
        )


def _check(answer: GoalAnswer, text: str, collection: Collection, by: str) -> ReadGoal:
    statement = GoalStatement(
        answer.kind,
        answer.classes,
        answer.values,
        answer.few_photos,
        answer.most_photos,
        answer.skip_classes,
        answer.skip_values,
        answer.target,
        answer.gain_points,
        answer.missing,
        answer.unmatched,
        answer.english,
    )
    goal = check_statement(statement, text, collection, by)
    return ReadGoal(answer.kind, goal, StatedLimits(answer.images, answer.usd, answer.rounds))


def list_goal_facts(text: str, collection: Collection) -> dict[str, Any]:
    """Return what the prompt `goal_facts` tells: the words, and what they may name."""
    counts = Counter(image.label for image in collection.of_split("train"))
    names = [quoted(name, 60) for name in collection.classes]
    num_shown = _count_fitting(names, _CLASSES_BYTES)
    return {
        "goal": quoted(text, _LONGEST_GOAL),
        "classes": ", ".join(names[:num_shown]),
        "num_shown": num_shown,
        "num_classes": len(names),
        "least": min(counts.values(), default=0),
        "most": max(counts.values(), default=0),
        "mean": f"{counts.total() / max(1, len(counts)):.1f}",
        "facets": [
            f"{quoted(facet, 60)}: {', '.join(_describe_values(collection, facet))}"
            for facet in collection.facets[:_MOST_FACETS]
        ],
        "captions": not collection.facets,
    }


def _describe_values(collection: Collection, facet: str) -> list[str]:
    """Return the values of a facet with their numbers of training and of validation images."""
    train, asked = (count_facet_values(collection.of_split(split), facet) for split in ("train", "validation"))
    values = facet_value_lists(collection)[facet][:_MOST_VALUES]
    return [f"{quoted(value, 60)} {train[value]}/{asked[value]}" for value in values]


def _count_fitting(items: list[str], most_bytes: int) -> int:
    """Return how many of the first items fit into so many bytes of UTF-8."""
    for count, item in enumerate(items):
        most_bytes -= len(item.encode()) + 2
        if most_bytes < 0:
            return count
    return len(items)
