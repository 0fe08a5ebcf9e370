"""What the planner can do. One file is one tool; `make_tools` lists them.

To add a tool: a file `<verb_noun>.py` with one typed, documented function of that name, and its name here. Beside the
function may stand `STEPS`, where it comes in the usual order, and `WORDS`, by which people ask why it was called.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from atlantis_dml.tools.steps import Step

TOOLS = (
    "prepare",
    "dataset_statistics",
    "caption_images",
    "train_retriever",
    "evaluate_retrieval",
    "find_gaps",
    "draft_protocol",
    "run_round",
    "write_prompts",
    "pilot_remedies",
    "generate_images",
    "score_outliers",
    "search_images",
    "look",
    "recall_trials",
    "inspect_data",
    "more_seeds",
    "ask_person",
    "stop",
)


def make_tools() -> list[BaseTool]:
    """Return every tool, in the order in which a round uses them."""
    return [getattr(import_module(f"{__name__}.{name}"), name) for name in TOOLS]


NOT_OFFERED = {
    "dataset_statistics",
    "caption_images",
    "train_retriever",
    "evaluate_retrieval",
    "find_gaps",
    "write_prompts",
    "pilot_remedies",
    "generate_images",
    "score_outliers",
    "search_images",
}
"""What a chat planner does by `prepare`, `run_round` and `inspect_data`: schemas cost tokens in every call."""


def make_planner_tools(*, has_person: bool = True, has_eyes: bool = True) -> list[BaseTool]:
    """Return the tools that a chat planner is offered: not to ask where nobody is there, nor to look without eyes."""
    useless = {name for name, is_of_use in (("ask_person", has_person), ("look", has_eyes)) if not is_of_use}
    return [tool for tool in make_tools() if tool.name not in NOT_OFFERED | useless]


@cache
def list_steps() -> tuple[Step, ...]:
    """Return the steps of all tools in their usual order."""
    steps = [step for name in TOOLS for step in getattr(import_module(f"{__name__}.{name}"), "STEPS", ())]
    return tuple(sorted(steps, key=lambda step: step.place))


def collect_words() -> dict[str, str]:
    """Return tool -> the words by which people ask why it was called."""
    return {name: getattr(import_module(f"{__name__}.{name}"), "WORDS", "") for name in TOOLS}
