"""What the planner can do. One file is one tool; `make_tools` lists them.

To add a tool: a file `<verb_noun>.py` with one typed, documented function of that name, and its name here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

TOOLS = (
    "dataset_statistics",
    "caption_images",
    "train_retriever",
    "evaluate_retrieval",
    "find_gaps",
    "draft_protocol",
    "write_prompts",
    "generate_images",
    "score_outliers",
    "search_images",
    "recall_trials",
)


def make_tools() -> list[BaseTool]:
    """Return every tool, in the order in which a round uses them."""
    return [getattr(import_module(f"{__name__}.{name}"), name) for name in TOOLS]
