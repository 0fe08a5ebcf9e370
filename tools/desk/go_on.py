"""Tool of the desk: resume a paused run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import is_agreement
from atlantis_dml.tools.desk.context import DeskRuntime, last_words


@tool
def go_on(runtime: DeskRuntime) -> str:
    """Resume a paused run; finished work is not done again."""
    if not is_agreement(last_words(runtime)):
        raise ToolError("the person did not ask to resume: ask whether the run should resume")
    return runtime.context.desk.go_on()
