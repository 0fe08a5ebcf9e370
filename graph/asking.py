"""A question of the planner to the person: the run waits for an answer in words, as it does for an approval."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import ToolCall
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from atlantis_core.base.text import clean_text
from atlantis_core.run.approval import BY_AUTO
from atlantis_core.run.responses import LONGEST_WORDS
from atlantis_dml.graph.state import State
from atlantis_dml.graph.tool_calls import list_open_calls
from atlantis_dml.tools.context import RunContext

ASKING_TOOL = "ask_person"

_LONGEST_QUESTION, _LONGEST_OPTION, _MOST_OPTIONS = 400, 120, 6


def needs_answer(call: ToolCall, state: State) -> bool:
    """Whether a call is a question that was not put to the person yet; one without words is refused by its tool."""
    return call["name"] == ASKING_TOOL and not state.get("answer") and bool(_read_question(call))


def _read_question(call: ToolCall) -> dict[str, Any]:
    """Return what the person is asked; empty if it cannot be asked."""
    text, given = call["args"].get("question"), call["args"].get("options") or []
    if not isinstance(text, str) or not isinstance(given, list) or call["args"].keys() - {"question", "options"}:
        return {}
    text = clean_text(text, _LONGEST_QUESTION)
    options = [clean_text(str(option), _LONGEST_OPTION) for option in given]
    is_choice = not options or (2 <= len(set(options)) == len(options) <= _MOST_OPTIONS and all(options))
    return {"ask": text, "options": options} if text and is_choice else {}


def ask(state: State, runtime: Runtime[RunContext]) -> dict[str, Any]:
    """Wait for the person's answer; with `--auto` nobody is there. What is answered here approves nothing."""
    session, call = runtime.context.session, list_open_calls(state)[0]
    asked = {"round": state["round"], **_read_question(call)}
    decision = {"decision": "respond", "words": "", "by": BY_AUTO} if session.spec.auto else dict(interrupt(asked))
    by = str(decision.pop("by", ""))
    with session.span("approval", "answer", asked, state["planner_event"]) as span:
        span.output = {"answer": decision, "by": by}
    if decision["decision"] == "stop":
        reason = clean_text(str(decision.get("reason") or ""), LONGEST_WORDS) or "no reason given"
        ended = f"a person ended the run at a question: {reason}"
        return {"stop_reason": "person", "stop_detail": ended}
    words = clean_text(str(decision.get("words") or ""), LONGEST_WORDS)
    return {"answer": {"words": words, "by": by or "by a person"}}
