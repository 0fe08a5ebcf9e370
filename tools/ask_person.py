"""Tool: ask the person a question in mid-run."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import quote
from atlantis_core.run.approval import BY_AUTO
from atlantis_dml.tools.context import Runtime, answer_call

NOBODY = "nobody is here; decide yourself"
_LONGEST_ANSWER = 600

WORDS = "ask asked person question"


@tool
def ask_person(question: str, runtime: Runtime, options: list[str] | None = None) -> object:
    """Ask the person something that only they can know, and wait for the answer. It never approves spending.

    Classes of pool photos are asked for by the remedy `ask_labels`.

    Args:
        question: One question, short and concrete, without jargon.
        options: Two to six answers to choose from; none for an answer in words.
    """
    given = runtime.state.get("answer") or {}
    if not given:
        raise ToolError("the question must have words, and options, if any, must be two to six different answers")
    if given["by"] == BY_AUTO:
        return answer_call(runtime, "", NOBODY, answer={})
    text = f"to {quote(question, 200)} the person answered: {quote(given['words'], _LONGEST_ANSWER)}"
    number = given["words"].strip(" .)")
    if options and number.isdecimal() and 1 <= int(number) <= len(options):
        text += f", which is {quote(options[int(number) - 1], 200)}"
    return answer_call(runtime, "", text, {"words": given["words"], "by": given["by"]}, answer={})
