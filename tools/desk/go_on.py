"""Tool of the desk: go on with a paused run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def go_on(runtime: DeskRuntime) -> str:
    """Go on with a run that is paused; what is done already is not done again."""
    return runtime.context.desk.go_on()
