"""Several wishes in one line of a chat: "skip fog, 50 images and only trawlers" is three."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from atlantis_core.base.text import quote

Call = tuple[str, dict[str, Any]]
Kind = Literal["wish", "question", "goal", "limits", "names", ""]
"""Of a part of a line: `names` are nothing but names of the collection, and "" is nothing known."""
Reader = Callable[[str], tuple[Kind, Call | None]]
"""What one part is, and its call."""

_BREAK = re.compile(r"(?:\s*[;!,](?!\d{3}\b)|\.(?=\s)|(?<=\?))\s*(?:(?:and|but|then)\s+)?", re.IGNORECASE)
_AND = re.compile(
    r"\s+(?:and|but|then)\s+(?=(?:(?:please\s+)?(?:skip|ignore|leave|drop|forget|only|just|focus|note|remember|prefer|"
    r"avoid|use|at most|no more than|up to|why|stop|pause|undo|\d+)\b|\$))",
    re.IGNORECASE,
)
"""`and` between two wishes; that of "skip fog and night" is inside one."""
_TAKES_REST = re.compile(r"^(?:please\s+)?(?:note|remember)\b", re.IGNORECASE)
_MOST_CALLS = 5


@dataclass(slots=True)
class Wishes:
    """What a line with several wishes asks for; no calls if it is to be read as one sentence."""

    calls: list[Call] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Its parts that are no wish, or none that can be followed now."""


def split_wishes(words: str, read: Reader, *, can_plan: bool) -> Wishes:
    """Take a line apart.

    Args:
        words: The person's line, with numbers in digits.
        read: Reads a part of it.
        can_plan: Whether a goal may be stated now. A goal takes in all of its line but questions and notes: who reads
            goals understands "skip fog" too.
    """
    parts = _join_names(_split(words), read)
    kinds = [kind.replace("names", "goal") for kind, _ in map(read, parts)]
    if len([kind for kind in kinds if kind]) < 2 or not {"wish", "question"} & set(kinds):
        return Wishes()
    if kinds[0] == "question" and not parts[0].endswith("?"):
        return Wishes()  # "why night, which is easy": one question
    if "goal" in kinds and can_plan:
        return _collect_goal(words, parts, read)
    return _collect(parts, read, can_plan=can_plan)


def describe_left(left: Sequence[str]) -> str:
    """Return a line on the parts of a line that were not acted on; empty if there are none."""
    named = ", ".join(quote(part, 80) for part in left)
    return f"Not acted on: {named}. Say it alone; help shows what I understand now." if left else ""


def _collect_goal(words: str, parts: Sequence[str], read: Reader) -> Wishes:
    """Return the calls of a line that states a goal: its questions and notes, then the goal with all the rest."""
    apart = [part for part in parts if _is_apart(part, read)]
    found = _collect(apart, read, can_plan=False)
    text = ", ".join(part for part in parts if part not in apart) if apart else words
    limits = [call[1] for part in parts if part not in apart and (call := read(part)[1]) and call[0] == "state_goal"]
    merged = {name: value for one in limits for name, value in one.items()}
    found.calls.append(("state_goal", merged | {"text": text}))
    return found


def _is_apart(part: str, read: Reader) -> bool:
    call = read(part)[1]
    return part.endswith("?") or (call is not None and call[0] in {"note", "explain"})


def _collect(parts: Sequence[str], read: Reader, *, can_plan: bool) -> Wishes:
    """Return the calls of the parts; limits are one call, the last, since it shows what the others changed."""
    found = Wishes()
    limits: dict[str, Any] = {}
    for part in parts:
        kind, call = read(part)
        if kind == "limits" and call and can_plan and not limits.keys() & call[1].keys():
            limits |= call[1]
        elif kind in {"wish", "question"} and call and len(found.calls) < _MOST_CALLS - 1:
            found.calls.append(call)
        else:
            found.left.append(part)
    found.calls += [("state_goal", limits)] if limits else []
    return found


def _split(words: str) -> list[str]:
    pieces = [part.strip(" .,") for piece in _BREAK.split(words) for part in _AND.split(piece)]
    parts = [part for part in pieces if part]
    if len(parts) > 1 and parts[0].lower() == "no":  # "no, skip fog"
        parts = parts[1:]
    for place, part in enumerate(parts):
        if _TAKES_REST.match(part):  # a note is a sentence of its own, whatever it holds
            return [*parts[:place], words[words.index(part) :].strip()]
    return parts


def _join_names(parts: Sequence[str], read: Reader) -> list[str]:
    """Return the parts, with names that follow a wish as part of it: "skip fog, night" skips both."""
    joined: list[str] = []
    for part in parts:
        if joined and read(joined[-1])[0] == "wish" and read(part)[0] == "names":
            joined[-1] = f"{joined[-1]}, {part}"
        else:
            joined.append(part)
    return joined
