"""Tool of the desk: undo."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def take_back(runtime: DeskRuntime) -> str:
    """Take back the person's last wish or change of plan. Images that were made and answers that were sent stay."""
    return runtime.context.desk.take_back()
