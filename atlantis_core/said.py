"""What a person's own words hold: numbers and consent. Nobody else may put them into a person's mouth."""

from __future__ import annotations

import re
from collections.abc import Mapping

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_UNITS.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
_LARGE = {"hundred": 100, "thousand": 1000, "dozen": 12}
_WORD = "|".join([*_SMALL, *_LARGE])
_IN_WORDS = re.compile(rf"\b(?:a\s+)?(?:{_WORD})(?:[\s-]+(?:{_WORD}))*\b", re.IGNORECASE)
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|(?<!\d)\.\d+")
_CENTS = re.compile(r"(\d+)\s*cents?\b", re.IGNORECASE)
_HALF = re.compile(r"\bhalf\b", re.IGNORECASE)

_CONSENT = re.compile(
    r"\b(?:approved?|accept(?:ed)?|agreed?|yes|yep|yeah|ok|okay|sure|fine|go|do it|make (?:it|them)|proceed|ship)\b"
    r"|\b(?:with|only|just|make)(?: only| just)? \d|^\W*(?:y\W*$|\d)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:\b(?:not|dont|never|no)|n't)\s+(?:\w+\s+)?"
    r"(?:approve|accept|agree|ok|okay|sure|fine|go|do it|proceed|ship)\b",
    re.IGNORECASE,
)
_REJECTION = re.compile(
    r"\b(?:no|nope|not|reject(?:ed)?|refuse|cancel|stop|drop|discard|decline|never|dont|end|bad|wrong)\b|n't\b|^\W*n\W*$",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"^\s*(?:why|what|how|when|where|who|which|is|are|does|do you|did|can|could)\b", re.IGNORECASE)


def with_digits(text: str) -> str:
    """Return a text with simple number words as digits: `two hundred images` becomes `200 images`."""
    return _IN_WORDS.sub(lambda match: str(_value(match.group())), _GROUPED.sub("", text))


def numbers_in(text: str) -> set[float]:
    """Return every number that a text names in digits or simple words; `half` is 0.5, `50 cents` too."""
    plain = with_digits(text)
    cents = {float(found) / 100 for found in _CENTS.findall(plain)}
    return {float(found) for found in _NUMBER.findall(plain)} | cents | ({0.5} if _HALF.search(text) else set())


def unsaid(limits: Mapping[str, float | None], words: str) -> list[str]:
    """Return which limits name a number that a person's words do not hold.

    Args:
        limits: Name -> number, or None where nothing is set. A `target` of 0.9 may have been said as 90 %.
        words: Everything the person said.
    """
    said = numbers_in(words)
    wrong = []
    for name, value in limits.items():
        ways = {value} | ({round(100 * value, 6)} if name == "target" and value is not None else set())
        if value is not None and not ways & said:
            wrong.append(f"{name} {value:g}")
    return wrong


def consents(words: str) -> bool:
    """Whether a person's last words can be taken for an approval; a question never is one."""
    asks = words.rstrip().endswith("?") or _QUESTION.match(words)
    if asks or _REFUSAL.search(words):
        return False
    return _CONSENT.search(words) is not None


def rejects(words: str) -> bool:
    """Whether a person's last words can be taken for a rejection; a question never is one."""
    asks = words.rstrip().endswith("?") or _QUESTION.match(words)
    return not asks and _REJECTION.search(words) is not None


def _value(words: str) -> int:
    total = current = 0
    for word in re.split(r"[\s-]+", words.lower()):
        if word in _SMALL:
            current += _SMALL[word]
        elif word in _LARGE:
            current = max(current, 1) * _LARGE[word]
            if word == "thousand":
                total, current = total + current, 0
    return total + current
