"""Tool of the desk: undo."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import is_undo
from atlantis_dml.tools.desk.context import DeskRuntime, last_words


@tool
def take_back(runtime: DeskRuntime) -> str:
    """Undo the person's last wish or change of plan. Generated images and sent answers cannot be undone."""
    if not is_undo(last_words(runtime)):
        raise ToolError("the person did not ask to undo anything: ask what to undo")
    return runtime.context.desk.take_back()
