"""The host by rules: understands simple sentences, also several in a line, and says which it does not understand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from atlantis_core.base.amounts import limits_in, with_digits
from atlantis_core.base.errors import SetupError
from atlantis_core.base.targets import target_in
from atlantis_core.chat.consent import APPROVING_ACT, approval_in, ending_in, is_agreement, is_response, rejection_in
from atlantis_core.run.goals.evidence import is_goal_without_names
from atlantis_dml.agents.rules.wishes import Call, Kind, Wishes, describe_left, split_wishes

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

_SKIP = re.compile(
    r"^(?:no[\s,]+)?(?:please\s+)?(?:skip|never mind|nevermind|forget(?: about)?|ignore|leave out|drop|"
    r"no more(?! than\b)|no(?! more than\b)|without|don'?t (?:bother|care)(?: with| about)?|leave)\s+"
    r"(.+?)(?:\s+(?:alone|out|please))*$"
)
_ONLY = re.compile(
    r"^(?:no[\s,]+)?(?:please\s+)?(?:only|just|focus on|nothing but)\s+(?!(?:a\s+)?diagnos)(?:do\s+)?(.+)$"
)
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
_ALONE: dict[str, Call] = {
    word: (tool, {})
    for tool, words in (("stop_run", "stop pause halt"), ("take_back", "undo"), ("go_on", "continue resume"))
    for word in words.split()
}
"""Commands that may be part of a longer line."""
_BESIDE_NAMES = frozenset({"the", "and", "also", "all", "photo", "image", "picture", "classe", "with", "those"})
"""Stems of words that do not make more than a name of names."""


class RuleHost:
    """Turns a line into tool calls of the desk, one after the other, and answers with the tools' results."""

    name = "rules"

    def __init__(self) -> None:
        self._wishes = Wishes()
        """What is still to do of the line that is being answered."""

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return the next tool call that the last line means; after the last call, the texts of all results."""
        del hear  # an answer by rules comes at once
        last = messages[-1]
        if not isinstance(last, ToolMessage):
            understood = parse_line(last.text, situation)
            if isinstance(understood, str):
                return AIMessage(understood)
            self._wishes = understood
        if not self._wishes.calls:
            return AIMessage("\n".join(filter(None, [*_list_results(messages), describe_left(self._wishes.left)])))
        name, arguments = self._wishes.calls.pop(0)
        return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"rule-{len(messages)}"}])


def _list_results(messages: Sequence[BaseMessage]) -> list[str]:
    """Return the texts of the tool results since the person's last line."""
    said = max(place for place, message in enumerate(messages) if isinstance(message, HumanMessage))
    return [message.text for message in messages[said:] if isinstance(message, ToolMessage)]


def parse_line(words: str, situation: str = "") -> Wishes | str:
    """Return the calls that a line means, and what of it means none; if all of it means none, the text to answer.

    Arguments as for `parse_sentence`.
    """
    plain = with_digits(" ".join(words.split()).lstrip("/"))
    status, names = _read_status(situation), _list_names(situation)
    if not (status == "waiting" and _parse_approval(words)):
        can_plan = status not in {"running", "waiting"}
        found = split_wishes(plain, lambda part: _read_part(part, names), can_plan=can_plan)
        if found.calls:
            return found
    understood = parse_sentence(words, situation)
    return understood if isinstance(understood, str) else Wishes([understood])


def _read_part(part: str, names: set[str]) -> tuple[Kind, Call | None]:
    """Return what a part of a line is, and its call; only a question mark or "why" makes one a question."""
    low = part.lower().rstrip(".! ")
    if re.match(r"(?:why|how come|explain)\b", low):
        return "question", ("explain", {"question": part})
    if low.endswith("?"):
        question = _parse_question(low)
        return ("question" if question else ""), question
    if wish := _ALONE.get(low) or _parse_wish(part, low):
        return "wish", wish
    goal = _parse_goal(part, low, names)
    if goal is None or isinstance(goal, str):
        return "", None
    if "text" not in goal[1]:
        return "limits", goal
    is_name = {_stem(word) for word in _list_words(low)} <= names | _BESIDE_NAMES
    return ("names" if is_name else "goal"), goal


def _read_status(situation: str) -> str:
    return situation.partition("\n")[0].removeprefix("status:").strip()


def parse_sentence(words: str, situation: str = "") -> Call | str:
    """Return the tool and arguments that one sentence means; if it means none, the text to answer.

    Args:
        words: The person's sentence; a leading `/` is ignored.
        situation: Its first line is `status: WORD`; later lines list the names of classes and facets.
    """
    plain = with_digits(" ".join(words.split()).lstrip("/"))
    low = plain.lower().rstrip(".! ")
    status = _read_status(situation)
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
        or _parse_goal(plain, low, None if is_waiting else _list_names(situation))
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


def _parse_goal(plain: str, low: str, names: set[str] | None) -> Call | str | None:
    """Return the goal or the limits in a sentence; without `names`, names alone make no goal."""
    if low.endswith("?"):
        return None
    named = names is not None and ({_stem(word) for word in _list_words(low)} & names or is_goal_without_names(plain))
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
    return {_stem(word) for word in _list_words(listed)}


def _list_words(low: str) -> list[str]:
    return re.findall(r"[^\W\d_]{3,}", low)


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word
