"""The planner: decides the next tool. Two implementations, one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from atlantis_dml.tools.context import RunContext

State = Mapping[str, Any]
"""The graph's state, read only."""


class Planner(Protocol):
    """Decides what to do next."""

    name: str

    def decide(self, state: State, context: RunContext) -> AIMessage:
        """Return one tool call with the reason as text, or text without a call to stop.

        Raises:
            ProviderUnavailable: The chat model cannot be reached or refuses; the run pauses.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a round as the rules name it."""

    tool: str
    arguments: Mapping[str, Any]
    reason: str

    @property
    def name(self) -> str:
        """The step's name in the state's `steps`."""
        return f"{self.tool}:{self.arguments['arm']}" if "arm" in self.arguments else self.tool


_CAPTION = Step("caption_images", {}, "The collection has no facets; descriptions may give some.")

_PREPARATION = (
    Step("dataset_statistics", {}, "First see what the collection holds."),
    _CAPTION,
    Step("train_retriever", {"arm": "baseline"}, "Real images alone set the bar that made images must beat."),
    Step("evaluate_retrieval", {"arm": "baseline"}, "Measure the bar."),
)

_ROUND = (
    Step("find_gaps", {}, "Find the cells where the incumbent fails."),
    Step("draft_protocol", {}, "Spend this round's images on the worst gaps."),
    Step("write_prompts", {}, "Varied prompts make varied images."),
    Step("generate_images", {}, "Make the images of the protocol."),
    Step("score_outliers", {}, "Only images that belong to their class may train."),
    Step("train_retriever", {"arm": "candidate"}, "Train with the kept images: same recipe, steps and seeds."),
    Step("evaluate_retrieval", {"arm": "candidate"}, "Measure whether they help."),
)

_NEW_INCUMBENT = Step("train_retriever", {"arm": "incumbent"}, "The last round was kept; diagnose its model next.")


def list_usual_steps(state: State, facets: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of a careful round in order, those of the preparation first.

    Args:
        state: Says whether a new incumbent has to be trained first.
        facets: Of the collection; without any, descriptions may give some.
    """
    preparation = tuple(step for step in _PREPARATION if step is not _CAPTION or not facets)
    renewal = (_NEW_INCUMBENT,) if state.get("last_kept") else ()
    return preparation + renewal + _ROUND
