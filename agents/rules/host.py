"""The host without a chat model: understands a stated simple form of speech and says plainly what it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_core.base.amounts import limits_in, target_in, with_digits
from atlantis_core.base.errors import SetupError
from atlantis_core.chat.consent import approval_in, is_agreement, rejection_in

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

HELP = """I go by rules and understand simple sentences:
  a goal:     night photos of trawlers are not found; you have 300 images and 2 rounds
  yes, stop, go on, undo, status, budget, gaps, results, data, protocol
  approve, approve with 50, approve without fog, reject because ...
  skip fog, only night, note: prefer heavy fog
  why did you pick night? why was round 2 rolled back?
A chat model understands free words: end and begin again with --planner openai:MODEL (and a key)."""

_SHRUG = "I did not understand that. "

Call = tuple[str, dict[str, Any]]

_SKIP = re.compile(
    r"^(?:no[\s,]+)?(?:please\s+)?(?:skip|never mind|nevermind|forget(?: about)?|ignore|leave out|drop|no more|no|"
    r"without|don'?t (?:bother|care)(?: with| about)?|leave)\s+(.+?)(?:\s+(?:alone|out|please))*$"
)
_ONLY = re.compile(r"^(?:no[\s,]+)?(?:please\s+)?(?:only|just|focus on|nothing but)\s+(?:do\s+)?(.+)$")
_NOTE = re.compile(
    r"^(?:please\s+)?(?:note|remember)\b(?:\s+that)?[:,]?\s*(.+)$|^((?:please\s+)?(?:prefer|avoid)\b.+)$"
)
_ASKS = re.compile(r"^(?:what|where|when|how|which|who|show|list|tell|is|are|did|does|do|can|has|have)\b")
_WANTS = re.compile(
    r"\b(?:not found|not find|find|found|improve|mend|fix|better|retrieve|retrieval|missed|confused|mixed up|"
    r"mistaken|fails?)\b"
)
"""Words of a goal."""
_NAMES_LIMIT = re.compile(r"\b(?:recall|target|goal|aim|budget)\b")
"""Words that set limits and say nothing about what should be found."""
_ABOUT = (
    ("budget", r"budget|spent|spend|costs?|how much|money|dollars|left"),
    ("gaps", r"gaps?|fail\w*|worst|weak\w*|not found"),
    ("protocol", r"protocol|prompts?|plan|will you make|going to make"),
    ("trials", r"trials?|training|trainings|baseline|models?|frozen"),
    ("rounds", r"rounds?|results?|outcome|gain\w*|better|improve\w*|recall|kept"),
    ("data", r"data|class(?:es)?|facets?|collection|photos|images|dataset"),
    ("status", r"status|how far|doing|where are you|progress|stand|running|state"),
)
_PLAIN: tuple[tuple[str, str], ...] = (
    ("take_back", r"^(?:undo|revert|take (?:that|it) back|take back)\b"),
    ("stop_run", r"^(?:please\s+)?(?:stop|halt|pause|wait|cancel|hold on)\b"),
    ("go_on", r"^(?:go on|continue|resume)$"),
)


class RuleHost:
    """Deterministic: one sentence, one call of the desk, its result as the answer."""

    name = "rules"

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return the call that the person's words ask for, or a tool's result in its own words."""
        del hear  # nothing takes time here
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return AIMessage(last.text)
        understood = parse_sentence(last.text, situation)
        if isinstance(understood, str):
            return AIMessage(understood)
        name, arguments = understood
        return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"rule-{len(messages)}"}])


def parse_sentence(words: str, situation: str = "") -> Call | str:
    """Return the tool that a sentence asks for with its arguments, or what to answer where it asks for none.

    Args:
        words: What the person said; a leading `/` is ignored.
        situation: Its first line is `status: WORD`; its other words are known names.
    """
    plain = with_digits(" ".join(words.split()).lstrip("/"))
    low = plain.lower().rstrip(".! ")
    status = situation.partition("\n")[0].removeprefix("status:").strip()
    if low.rstrip("?") in {"help", "h", "hello", "hi", "what can you do", ""}:
        return HELP
    if re.match(r"(?:how come|explain)\b", low) or re.search(r"\bwhy\b", low):
        return "explain", {"question": plain}
    found = _at_approval(words) if status == "waiting" else None
    return (
        found
        or _command(low, status)
        or _wish(plain, low)
        or _read(low)
        or _goal(plain, low, set() if status == "waiting" else _names(situation))
        or _SHRUG + HELP
    )


def _at_approval(words: str) -> Call | None:
    """Return the answer to a waiting protocol; words beyond the known form approve nothing."""
    reason = rejection_in(words)
    if reason is not None:
        return "answer_approval", {"decision": "reject", "reason": reason}
    said = approval_in(words)
    if said is None:
        return None
    changes = {"images": said.images, "without": said.without or None}
    given = {name: value for name, value in changes.items() if value is not None}
    return "answer_approval", {"decision": "approve"} | given


def _command(low: str, status: str) -> Call | None:
    for tool, pattern in _PLAIN:
        if re.match(pattern, low):
            return tool, {}
    if status != "waiting" and (early := re.match(r"(approve|reject)\b", low)):
        return "answer_approval", {"decision": early.group(1)}  # the desk says that nothing waits
    if is_agreement(low):
        return ("go_on" if status == "paused" else "start_run"), {}
    return None


def _wish(plain: str, low: str) -> Call | None:
    if note := _NOTE.match(plain):
        return "note", {"text": note.group(1) or note.group(2)}
    if low.endswith("?"):
        return None
    if skip := _SKIP.match(low):
        return "leave_alone", {"what": skip.group(1)}
    if (only := _ONLY.match(low)) and not re.match(r"\d", only.group(1)):
        return "leave_alone", {"what": f"everything but {only.group(1)}"}
    return None


def _read(low: str) -> Call | None:
    """Return what a question or a bare word asks to be read."""
    asks = low.endswith("?") or (_ASKS.match(low) and not re.search(r"\d\s*\w|\$", low))
    bare = re.sub(r"\b(?:the|please|show|me)\b", "", low).strip()
    for about, pattern in _ABOUT:
        if (re.search if asks else re.fullmatch)(rf"\b(?:{pattern})\b", low if asks else bare):
            return "read_run", {"about": about}
    return None


def _goal(plain: str, low: str, names: set[str]) -> Call | str | None:
    if low.endswith("?"):
        return None
    named = {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", low)} & names
    try:
        limits: dict[str, Any] = {
            unit: value if unit == "usd" else int(value) for unit, value in limits_in(plain).items()
        }
    except SetupError as error:
        return f"{error}."
    wants, sets = _WANTS.search(low) or named, limits or _NAMES_LIMIT.search(low)
    if not (wants or sets):
        return None
    target = target_in(plain)
    if wants or not (limits or target):
        return "state_goal", limits | {"text": plain}
    return "state_goal", limits | ({"target": target} if target else {})


def _names(situation: str) -> set[str]:
    """Return the words of classes and facet values, from the lines of the situation that list them."""
    lines = [line for line in situation.splitlines() if line.startswith(("classes:", "facets:"))]
    listed = " ".join(line.partition(":")[2] for line in lines).lower()
    return {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", listed)}


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word
