"""Tool of the desk: undo."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import is_undo
from atlantis_dml.tools.desk.context import DeskRuntime, person_words


@tool
def take_back(runtime: DeskRuntime) -> str:
    """Take back the person's last wish or change of plan. Images that were made and answers that were sent stay."""
    said = person_words(runtime.state["messages"])
    if not said or not is_undo(said[-1]):
        raise ToolError("the person's last words take nothing back: ask what to undo")
    return runtime.context.desk.take_back()
