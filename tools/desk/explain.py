"""Tool of the desk: why something was done, from the trace."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.explain import explain_decisions, list_decisions
from atlantis_dml.tools import collect_words
from atlantis_dml.tools.desk.context import DeskRuntime


@tool
def explain(runtime: DeskRuntime, question: str) -> str:
    """Find in the trace why the run did something: the recorded reason, arguments and result, never a guess.

    Args:
        question: The person's question, such as "why did you pick night?" or "why was round 2 rolled back?".
    """
    session = runtime.context.desk.session()
    if session is None:
        raise ToolError("no run was started in this conversation yet, so there is nothing to explain")
    found = explain_decisions(session, question, collect_words())
    if not found:
        done = ", ".join(list_decisions(session)) or "nothing yet"
        return f"no recorded decision matches these words; recorded: {done}"
    return "\n".join(found)
