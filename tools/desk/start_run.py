"""Tool of the desk: start the planned run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def start_run(runtime: DeskRuntime) -> str:
    """Start the run whose goal was stated, once the person said yes to the plan."""
    return runtime.context.desk.start()
