"""The host by rules: understands simple sentences and says so when it does not understand one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_core.base.amounts import limits_in, target_in, with_digits
from atlantis_core.base.errors import SetupError
from atlantis_core.chat.consent import APPROVING_ACT, approval_in, ending_in, is_agreement, is_response, rejection_in

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

HELP = """I follow rules and understand simple sentences:
  a goal:     night photos of trawlers are not found; you have 300 images and 2 rounds
  yes, stop, go on, undo, status, budget, gaps, results, data, protocol
  approve, approve with 50, approve without fog, respond: ..., reject because ..., end the run
  skip fog, only night, note: prefer heavy fog
  why did you pick night? why was round 2 rolled back?
A chat model understands free speech: quit and start again with --planner openai:MODEL (and a key)."""

NOT_APPROVED = f"Nothing was approved or spent: {APPROVING_ACT} approves what waits, /respond changes it.\n"

Call = tuple[str, dict[str, Any]]

_SKIP = re.compile(
    r"^(?:no[\s,]+)?(?:please\s+)?(?:skip|never mind|nevermind|forget(?: about)?|ignore|leave out|drop|no more|no|"
    r"without|don'?t (?:bother|care)(?: with| about)?|leave)\s+(.+?)(?:\s+(?:alone|out|please))*$"
)
_ONLY = re.compile(r"^(?:no[\s,]+)?(?:please\s+)?(?:only|just|focus on|nothing but)\s+(?:do\s+)?(.+)$")
_NOTE = re.compile(
    r"^(?:please\s+)?(?:note|remember)\b(?:\s+that)?[:,]?\s*(.+)$|^((?:please\s+)?(?:prefer|avoid)\b.+)$"
)
_QUESTION = re.compile(r"^(?:what|where|when|how|which|who|show|list|tell|is|are|did|does|do|can|has|have)\b")
_GOAL_WORDS = re.compile(
    r"\b(?:not found|not find|find|found|improve|mend|fix|better|retrieve|retrieval|missed|confused|mixed up|"
    r"mistaken|fails?)\b"
)
"""Words that say what should be found."""
_LIMIT_WORDS = re.compile(r"\b(?:recall|target|goal|aim|budget)\b")
"""Words that set limits and do not say what should be found."""
_TOPICS = (
    ("budget", r"budget|spent|spend|costs?|how much|money|dollars|left"),
    ("gaps", r"gaps?|fail\w*|worst|weak\w*|not found"),
    ("protocol", r"protocol|prompts?|plan|will you make|going to make"),
    ("trials", r"trials?|training|trainings|baseline|models?|frozen"),
    ("rounds", r"rounds?|results?|outcome|gain\w*|better|improve\w*|recall|kept"),
    ("data", r"data|class(?:es)?|facets?|collection|photos|images|dataset"),
    ("status", r"status|how far|doing|where are you|progress|stand|running|state"),
)
_COMMANDS: tuple[tuple[str, str], ...] = (
    ("take_back", r"^(?:undo|revert|take (?:that|it) back|take back)\b"),
    ("stop_run", r"^(?:please\s+)?(?:stop(?!\s+after\b)|halt|pause|wait|cancel|hold on)\b"),
    ("go_on", r"^(?:go on|continue|resume)$"),
)


class RuleHost:
    """Turns one sentence into one tool call of the desk, and answers with the tool's result."""

    name = "rules"

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return the tool call that the last sentence means, or the text of the last tool result."""
        del hear  # an answer by rules comes at once
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return AIMessage(last.text)
        understood = parse_sentence(last.text, situation)
        if isinstance(understood, str):
            return AIMessage(understood)
        name, arguments = understood
        return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"rule-{len(messages)}"}])


def parse_sentence(words: str, situation: str = "") -> Call | str:
    """Return the tool and arguments that a sentence means; if it means none, the text to answer.

    Args:
        words: The person's sentence; a leading `/` is ignored.
        situation: Its first line is `status: WORD`; later lines list the names of classes and facets.
    """
    plain = with_digits(" ".join(words.split()).lstrip("/"))
    low = plain.lower().rstrip(".! ")
    status = situation.partition("\n")[0].removeprefix("status:").strip()
    if low.rstrip("?") in {"help", "h", "hello", "hi", "what can you do", ""}:
        return HELP
    if re.match(r"(?:how come|explain)\b", low) or re.search(r"\bwhy\b", low):
        return "explain", {"question": plain}
    is_waiting = status == "waiting"
    return (
        (_parse_approval(words) if is_waiting else None)
        or _parse_command(low, status)
        or _parse_wish(plain, low)
        or _parse_question(low)
        or _parse_goal(plain, low, set() if is_waiting else _list_names(situation))
        or f"I did not understand that. {NOT_APPROVED if is_waiting else ''}{HELP}"
    )


def _parse_approval(words: str) -> Call | None:
    """Return the answer to a waiting protocol; only the known forms approve or reject."""
    if is_response(words):
        return "answer_approval", {"decision": "respond"}
    if (ending := ending_in(words)) is not None:
        return "answer_approval", {"decision": "stop", "reason": ending}
    reason = rejection_in(words)
    if reason is not None:
        return "answer_approval", {"decision": "reject", "reason": reason}
    approval = approval_in(words)
    if approval is None:
        return None
    changes = {"images": approval.images, "without": approval.without or None}
    given = {name: value for name, value in changes.items() if value is not None}
    return "answer_approval", {"decision": "approve"} | given


def _parse_command(low: str, status: str) -> Call | None:
    for tool, pattern in _COMMANDS:
        if re.match(pattern, low):
            return tool, {}
    if status != "waiting" and (early := re.match(r"(approve|reject)\b", low)):
        return "answer_approval", {"decision": early.group(1)}  # the desk answers that no protocol is waiting
    if is_agreement(low):
        return ("go_on" if status == "paused" else "start_run"), {}
    return None


def _parse_wish(plain: str, low: str) -> Call | None:
    if note := _NOTE.match(plain):
        return "note", {"text": note.group(1) or note.group(2)}
    if low.endswith("?"):
        return None
    if skip := _SKIP.match(low):
        return "leave_alone", {"what": skip.group(1)}
    if (only := _ONLY.match(low)) and not re.match(r"\d", only.group(1)):
        return "leave_alone", {"what": f"everything but {only.group(1)}"}
    return None


def _parse_question(low: str) -> Call | None:
    """Return the topic that a question or a bare word is about."""
    is_question = low.endswith("?") or (_QUESTION.match(low) and not re.search(r"\d\s*\w|\$", low))
    bare = re.sub(r"\b(?:the|please|show|me)\b", "", low).strip()
    for topic, pattern in _TOPICS:
        if (re.search if is_question else re.fullmatch)(rf"\b(?:{pattern})\b", low if is_question else bare):
            return "read_run", {"about": topic}
    return None


def _parse_goal(plain: str, low: str, names: set[str]) -> Call | str | None:
    if low.endswith("?"):
        return None
    named = {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", low)} & names
    try:
        limits: dict[str, Any] = {
            unit: value if unit == "usd" else int(value) for unit, value in limits_in(plain).items()
        }
    except SetupError as error:
        return f"{error}."
    says_what, sets_limits = _GOAL_WORDS.search(low) or named, limits or _LIMIT_WORDS.search(low)
    if not (says_what or sets_limits):
        return None
    target = target_in(plain)
    if says_what or not (limits or target):
        return "state_goal", limits | {"text": plain}
    return "state_goal", limits | ({"target": target} if target else {})


def _list_names(situation: str) -> set[str]:
    """Return the words in the names of classes, facets and values that the situation lists."""
    lines = [line for line in situation.splitlines() if line.startswith(("classes:", "facets:"))]
    listed = " ".join(line.partition(":")[2] for line in lines).lower()
    return {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", listed)}


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word
