"""Tool: end the run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import clean_text
from atlantis_dml.tools.context import Runtime, answer_call

_LONGEST_REASON = 600

WORDS = "stop stopped end ended"


@tool
def stop(reason: str, runtime: Runtime) -> object:
    """End the run here, because nothing that is left is likely to help or because the question is answered.

    Args:
        reason: What was found and why the run ends, for the person's report.
    """
    words = clean_text(reason, _LONGEST_REASON)
    if not words:
        raise ToolError("stop needs a reason: what was found, and why the run ends")
    ended = {"stop_reason": "planner", "stop_detail": words}
    return answer_call(runtime, "stop", f"the run ends: {words}", **ended)
