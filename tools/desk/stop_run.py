"""Tool of the desk: pause the run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def stop_run(runtime: DeskRuntime) -> str:
    """Pause the run that is working; nothing is lost, and it can go on."""
    return runtime.context.desk.stop()
