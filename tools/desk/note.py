"""Tool of the desk: a note for whoever drafts next."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_dml.tools.desk.context import DeskRuntime

LONGEST = 300


@tool
def note(runtime: DeskRuntime, text: str) -> str:
    """Keep a wish in words for the drafter of the next protocol, such as "prefer heavy fog".

    Args:
        text: The person's wish, at most 300 letters.
    """
    return runtime.context.desk.note(" ".join(text.split())[:LONGEST])
