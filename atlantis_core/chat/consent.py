"""Reads limits, approvals and rejections from a person's own words, so that no model can give them for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from atlantis_core.base.amounts import amounts_in, with_digits

_APPROVES = re.compile(
    r"(?:yes|y|approved?)(?:[\s,]+please)?"
    r"(?:[\s,]+(?:with\s+)?(?P<images>\d{1,9})(?:\s+images)?(?:\s+instead of\s+\d{1,9}(?:\s+images)?)?)?"
    r"(?:[\s,]+(?:but\s+)?(?:without|no)\s+(?P<without>[^?]+))?",
    re.IGNORECASE,
)
_REJECTS = re.compile(
    r"(?:(?:no[\s,]+)?reject(?:ed)?(?:\s+(?:it|this|that))?(?:[\s,:]+(?:because\s+)?(?P<why>[^?]+))?"
    r"|(?:no|n)(?:[\s,:]+because\s+(?P<because>[^?]+))?)",
    re.IGNORECASE,
)
_STARTS = frozenset({"start", "go", "go on", "go ahead", "continue", "resume"})
_TAKES_BACK = re.compile(r"\b(?:undo|revert|back|restore|after all|again|never ?mind|instead)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of a protocol, unchanged or with changes."""

    images: int | None = None
    """Generate exactly this many images; None keeps the counts."""
    without: str = ""
    """Words that name cells to leave out; empty for none."""


def find_unstated_limits(limits: Mapping[str, float | None], words: str) -> list[str]:
    """Return the limits whose number the person did not say, or said about something else.

    Limits are `images`, `usd`, `rounds` and `target`; a `target` of 0.9 may also be said as 90 %. `words` is all
    that the person said.
    """
    said = set(amounts_in(words))
    unstated = []
    for name, value in limits.items():
        forms = {value} | ({round(100 * value, 6)} if name == "target" and value is not None else set())
        if value is not None and not any((unit, form) in said for unit in (name, "") for form in forms):
            unstated.append(f"{name} {value:g}")
    return unstated


def approval_in(words: str) -> Approval | None:
    """Return the approval in a line; None if the line is not one of the plain forms.

    These are `yes`, `y`, `approve` and `approved`, also as a command (`/approve`), alone or with a change:
    `approve with 50 instead of 100`, `approve without fog`, `approve 9, but no fog`.
    """
    said = _APPROVES.fullmatch(with_digits(_plain(words)))
    return said and Approval(int(said["images"]) if said["images"] else None, said["without"] or "")


def rejection_in(words: str) -> str | None:
    """Return the reason in a rejection, empty if it gives none; None if the line is not a rejection.

    Rejections are `no`, `n`, `reject` and `rejected`, alone or with a reason: `reject because ...`, `reject: ...`.
    """
    said = _REJECTS.fullmatch(_plain(words))
    return said and (said["why"] or said["because"] or "")


def is_agreement(words: str) -> bool:
    """Whether a line agrees to start or continue: an approval without changes, `start`, `go on` and the like."""
    return approval_in(words) == Approval() or _plain(words).casefold() in _STARTS


def is_undo(words: str) -> bool:
    """Whether a line may be a wish to undo something."""
    return _TAKES_BACK.search(words) is not None


def _plain(words: str) -> str:
    return " ".join(words.split()).removeprefix("/").rstrip(" .!")
