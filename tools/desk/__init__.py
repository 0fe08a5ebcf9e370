"""What the host of a conversation can do. One file is one tool; `make_desk_tools` lists them.

They reach the run through a `Desk` alone, so that a chat model can do no more than the rules can.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

DESK_TOOLS = (
    "state_goal",
    "start_run",
    "read_run",
    "explain",
    "leave_alone",
    "note",
    "answer_approval",
    "stop_run",
    "go_on",
    "take_back",
)


def make_desk_tools() -> list[BaseTool]:
    """Return every tool of the desk."""
    return [getattr(import_module(f"{__name__}.{name}"), name) for name in DESK_TOOLS]
