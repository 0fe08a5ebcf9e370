"""Tool of the desk: start the planned run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.consent import is_agreement
from atlantis_dml.tools.desk.context import DeskRuntime, last_words


@tool
def start_run(runtime: DeskRuntime) -> str:
    """Start the run whose goal was stated, after the person has said yes to the plan."""
    if not is_agreement(last_words(runtime)):
        raise ToolError("the person has not agreed to the plan: show it and ask for a yes")
    return runtime.context.desk.start()
