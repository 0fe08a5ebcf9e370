"""Tool of the desk: cells to skip."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def leave_alone(runtime: DeskRuntime, what: str) -> str:
    """Generate no images for the named classes or facet values from now on; they also leave a waiting protocol.

    Args:
        what: For example "fog" or "trawlers at night"; "everything but night" skips all other values.
    """
    return runtime.context.desk.leave_alone(what)
