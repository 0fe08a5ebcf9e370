"""The interface of the planner, which chooses the next tool, and the usual order of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

State = Mapping[str, Any]
"""The graph's state, read-only."""


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call of a round, with the reason that the rules give for it."""

    tool: str
    arguments: Mapping[str, Any]
    reason: str

    @property
    def name(self) -> str:
        """The step's name in the state's `steps`."""
        return f"{self.tool}:{self.arguments['arm']}" if "arm" in self.arguments else self.tool


_CAPTION = Step("caption_images", {}, "The collection has no facets; captions may give some.")

_PREPARATION = (
    Step("dataset_statistics", {}, "Start with an overview of the collection."),
    _CAPTION,
    Step(
        "train_retriever", {"arm": "baseline"}, "Real images alone set the baseline that synthetic images must beat."
    ),
    Step("evaluate_retrieval", {"arm": "baseline"}, "Measure the baseline."),
)

_ROUND = (
    Step("find_gaps", {}, "Find the cells where the incumbent fails."),
    Step("draft_protocol", {}, "Spend this round's images on the worst gaps."),
    Step("write_prompts", {}, "Varied prompts give varied images."),
    Step("generate_images", {}, "Generate the images of the protocol."),
    Step("score_outliers", {}, "Only images that belong to their class may train."),
    Step(
        "train_retriever",
        {"arm": "candidate"},
        "Train with the kept images: the recipe, steps and seeds stay the same.",
    ),
    Step("evaluate_retrieval", {"arm": "candidate"}, "Measure whether they help."),
)

_NEW_INCUMBENT = Step("train_retriever", {"arm": "incumbent"}, "The last round was kept; diagnose its model next.")


def list_usual_steps(state: State, facets: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps of preparation and of one round, in order.

    Args:
        state: Its `last_kept` tells whether a new incumbent has to be trained first.
        facets: Of the collection; if there are none, the images are captioned to find some.
    """
    preparation = tuple(step for step in _PREPARATION if step is not _CAPTION or not facets)
    renewal = (_NEW_INCUMBENT,) if state.get("last_kept") else ()
    return preparation + renewal + _ROUND
