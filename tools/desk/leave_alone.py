"""Tool of the desk: cells for which nothing shall be made."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def leave_alone(runtime: DeskRuntime, what: str) -> str:
    """Make no images for the classes or facet values that words name, from now on; a waiting protocol shrinks.

    Args:
        what: Such as "fog" or "trawlers at night"; "everything but night" leaves all other values alone.
    """
    return runtime.context.desk.leave_alone(what)
