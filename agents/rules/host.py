"""The host without a chat model: understands a stated simple form of speech and says plainly what it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage

from atlantis_core.base.errors import SetupError
from atlantis_core.chat.consent import replace_number_words
from atlantis_core.run.goals import parse_budget

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

_START = re.compile(
    r"^(?:yes|yep|y|start|go|begin|run|do it|ok|okay|sure|please do|go ahead|fine)\b"
    r"(?:[\s,]+(?:it|now|please|ahead))*$"
)
_APPROVE = re.compile(
    r"^(?:(?P<yes>approved?|accept(?:ed)?|yes|yep|y|ok|okay|sure|fine|go ahead|do it)"
    r"(?:[\s,]+(?:it|this|that|them|please|now|all|the protocol)\b)*)?[\s,]*"
    r"(?:(?:with|only|just|but|make)\s+)*(?P<images>\d{1,9}(?![\d.,]\d))?(?:\s+images)?"
    r"(?:\s+(?:instead of|rather than|not|out of|of)\s+(?:the\s+)?\d{1,9}(?:\s+images)?)?[\s,]*"
    r"(?:(?:but\s+|and\s+)?(?:without|except|not|no|leave out|leaving out|skip)\s+(?:the\s+)?(?P<out>.+))?$"
)
_REJECT = re.compile(
    r"^(?:(?:no[\s,]+)?(?:reject(?:ed)?|refuse|decline)(?:\s+(?:it|this|that))?(?:[\s,:]*$|[\s,:]+because\s+|\s*[,:]\s*)"
    r"|(?:no|n)(?:[\s,:]*$|[\s,:]+because\s+))"
)
_REJECT_WHY = re.compile(r"^reject\s+")
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
_LIMITS = re.compile(
    r"\b(?:recall|target|goal|aim|budget)\b|\d\s*(?:\w+\s+)?(?:images|photos|pictures|rounds?|dollars?|usd)\b|\$\s*\d"
)
"""Words that set limits and say nothing about what should be found."""
_TARGET = re.compile(r"(?P<share>0?\.\d+)|(?P<percent>\d{1,3})\s*%")
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
    ("go_on", r"^(?:go on|continue|resume|carry on|proceed)\b"),
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
    plain = replace_number_words(" ".join(words.split()).lstrip("/"))
    low = plain.lower().rstrip(".! ")
    status = situation.partition("\n")[0].removeprefix("status:").strip()
    if low.rstrip("?") in {"help", "h", "hello", "hi", "what can you do", ""}:
        return HELP
    if re.match(r"(?:how come|explain)\b", low) or re.search(r"\bwhy\b", low):
        return "explain", {"question": plain}
    found = _at_approval(plain, low) if status == "waiting" else None
    return (
        found
        or _command(low, status)
        or _wish(plain, low)
        or _read(low)
        or _goal(plain, low, situation)
        or _SHRUG + HELP
    )


def _at_approval(plain: str, low: str) -> Call | None:
    """Return the answer to a waiting protocol; words beyond the known form approve nothing."""
    if rejected := _REJECT.match(low) or _REJECT_WHY.match(low):
        return "answer_approval", {"decision": "reject", "reason": plain[rejected.end() :].strip()}
    said = _APPROVE.match(low)
    if said is None or not (said["yes"] or said["images"]):
        return None
    images = {"images": int(said["images"])} if said["images"] else {}
    return "answer_approval", {"decision": "approve"} | images | ({"without": said["out"]} if said["out"] else {})


def _command(low: str, status: str) -> Call | None:
    for tool, pattern in _PLAIN:
        if re.match(pattern, low):
            return tool, {}
    if _START.match(low):
        return ("go_on" if status == "paused" else "start_run"), {}
    if status != "waiting" and (early := re.match(r"(approve|reject)\b", low)):
        return "answer_approval", {"decision": early.group(1)}  # the desk says that nothing waits
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


def _goal(plain: str, low: str, situation: str) -> Call | str | None:
    named = {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", low)} & _names(situation)
    wants, sets = _WANTS.search(low) or named, _LIMITS.search(low)
    if low.endswith("?") or not (wants or sets):
        return None
    try:
        limits, target = _limits(plain), _TARGET.search(low)
    except SetupError as error:
        return f"{error}."
    if wants or not (limits or target):
        return "state_goal", limits | {"text": plain}
    reach = (
        {"target": float(target["share"]) if target["share"] else float(target["percent"]) / 100} if target else {}
    )
    return "state_goal", limits | reach


def _limits(plain: str) -> dict[str, Any]:
    """Return the numbers that a sentence sets as limits."""
    named: Mapping[str, float] = parse_budget(re.sub(r"(\d+)\s+\w+\s+(images|photos|pictures)", r"\1 \2", plain))
    return {name: value if name == "usd" else int(value) for name, value in named.items()}


def _names(situation: str) -> set[str]:
    """Return the words of classes and facet values, from the lines of the situation that list them."""
    lines = [line for line in situation.splitlines() if line.startswith(("classes:", "facets:"))]
    listed = " ".join(line.partition(":")[2] for line in lines).lower()
    return {_stem(word) for word in re.findall(r"[^\W\d_]{3,}", listed)}


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word
