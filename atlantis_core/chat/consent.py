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
_ENDS = re.compile(r"end(?:\s+(?:the|this)?\s*run)?(?:[\s,:]+(?:because\s+)?(?P<why>[^?]+))?", re.IGNORECASE)
_RESPONDS = re.compile(
    r"^\s*/?(?:respond|answer|change it|draft (?:it )?again)\b[\s,:]*(?P<words>\S.*)$", re.IGNORECASE | re.DOTALL
)

APPROVING_ACT = "the Approve button, or a line that begins with /approve"
STARTING_ACT = "/start"
"""Acts of the interface, the same in every language; a chat model can propose one and never carry it out."""
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
    that the person said. Other spellings ("dreihundert", "三百") are not read, and so count as not said.
    """
    said = set(amounts_in(words))
    return [
        f"{name} {value:g}"
        for name, value in limits.items()
        if value is not None and not any((unit, value) in said for unit in (name, ""))
    ]


def contradicts_words(limits: Mapping[str, float | None], words: str) -> bool:
    """Whether the person's words name another number of the same thing: "30 images" for `images` 3000."""
    said = {unit for unit, _ in amounts_in(words)}
    return any(limit.partition(" ")[0] in said for limit in find_unstated_limits(limits, words))


def approval_in(words: str) -> Approval | None:
    """Return the approval in a line; None if the line is not one of the plain forms.

    These are `yes`, `y`, `approve` and `approved`, also as a command (`/approve`), alone or with a change:
    `approve with 50 instead of 100`, `approve without fog`, `approve 9, but no fog`.
    """
    said = _APPROVES.fullmatch(with_digits(_plain(words)))
    return said and Approval(int(said["images"]) if said["images"] else None, said["without"] or "")


def is_approving_act(words: str) -> bool:
    """Whether a line is the command to approve, with or without its `/`: what "yes" answers is unsure."""
    return _plain(words).casefold().startswith("approve") and approval_in(words) is not None


def is_starting_act(words: str) -> bool:
    """Whether a line is the command to start a plan, with or without its `/`; "go ahead" is no more than a yes."""
    return f"/{_plain(words).casefold()}" == STARTING_ACT


def ending_in(words: str) -> str | None:
    """Return the reason in a line that ends the run (`/end`, `end the run`), may be empty; None for other lines."""
    said = _ENDS.fullmatch(_plain(words))
    return said and (said["why"] or "")


def is_response(words: str) -> bool:
    """Whether a line is the command to draft a protocol again: `/respond less fog`."""
    return _RESPONDS.match(words) is not None


def response_in(words: str) -> str:
    """Return what a response asks for: the line, without the command."""
    command = _RESPONDS.match(words)
    return command["words"] if command else words


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
