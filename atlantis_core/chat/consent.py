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
_UNIT_OF = {
    "images": re.compile(r"\s*(?:\w+\s+)?(?:images?|photos?|pictures?)\b", re.IGNORECASE),
    "usd": re.compile(r"\s*(?:\w+\s+)?(?:dollars?|usd|bucks?|cents?)\b", re.IGNORECASE),
    "rounds": re.compile(r"\s*(?:\w+\s+)?rounds?\b", re.IGNORECASE),
    "target": re.compile(r"\s*(?:%|percent\b|recall\b|r@1\b)", re.IGNORECASE),
}
_CENTS = re.compile(r"(\d+)\s*cents?\b", re.IGNORECASE)
_HALF = re.compile(r"\bhalf\b", re.IGNORECASE)

_POLITE = (
    r"^\W*(?:(?:well|great|perfect|good|nice|right|alright|all right|thanks|thank you|please|then|and|so|"
    r"(?:that|this|it)?\s*looks? (?:good|fine|great))[\s,.!]+)*"
)
_APPROVES = re.compile(_POLITE + r"(?:i\s+)?(?:approved?|accept(?:ed)?)\b", re.IGNORECASE)
_APPROVES_LAST = re.compile(r"[:,.]\s*approved?\W*$", re.IGNORECASE)
_CONSENT = re.compile(
    _POLITE + r"(?:agreed?|yes|yep|yeah|y\W*$|ok|okay|sure|fine|go(?: ahead| on| for it)?(?!\s+away)\b|do it|"
    r"make (?:it|them)|proceed|ship it|(?:with|only|just|make)(?: only| just)? \d|\d)",
    re.IGNORECASE,
)
_LOOKS_GOOD = re.compile(r"^\W*(?:that|this|it)?\s*looks? (?:good|fine|great)\W*$", re.IGNORECASE)
_STARTS = re.compile(r"\b(?:start|begin|run|launch|go ahead|go on|continue|resume|carry on|proceed)\b", re.IGNORECASE)
_TAKES_BACK = re.compile(r"\b(?:undo|revert|back|restore|after all|again|never ?mind|instead)\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"^\W*no\b|\b(?:not|never|nothing|none|dont|reject|refuse|cancel|stop|wait|bad|wrong|throw|nobody)\b|n't\b",
    re.IGNORECASE,
)
_TAKEN_AWAY = re.compile(
    r"\b(?:never|dont|reject|refuse|cancel|nothing)\b|n't\b|\bnot (?:yet|now|approve|accept)\b|-\s*\d", re.IGNORECASE
)
_REJECTION = re.compile(
    r"\b(?:no|nope|not|reject(?:ed)?|refuse|cancel|stop|drop|discard|decline|never|dont|end|bad|wrong)\b|n't\b|^\W*n\W*$",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"^\s*(?:why|what|how|when|where|who|which|is|are|does|do you|did|can|could)\b", re.IGNORECASE)


def replace_number_words(text: str) -> str:
    """Return a text with simple number words as digits: `two hundred images` becomes `200 images`."""
    return _IN_WORDS.sub(lambda match: str(_value(match.group())), _GROUPED.sub("", text))


def numbers_in(text: str) -> set[float]:
    """Return every number that a text names in digits or simple words; `half` is 0.5, `50 cents` too."""
    plain = replace_number_words(text)
    cents = {float(found) / 100 for found in _CENTS.findall(plain)}
    return {float(found) for found in _NUMBER.findall(plain)} | cents | ({0.5} if _HALF.search(text) else set())


def find_unsaid_limits(limits: Mapping[str, float | None], words: str) -> list[str]:
    """Return which limits name a number that a person's words do not hold, or hold for something else.

    Args:
        limits: `images`, `usd`, `rounds`, `target`: a number, or None where nothing is set. A `target` of 0.9 may
            have been said as 90 %.
        words: Everything the person said.
    """
    said = _numbers_by_unit(words)
    wrong = []
    for name, value in limits.items():
        ways = {value} | ({round(100 * value, 6)} if name == "target" and value is not None else set())
        if value is not None and not ways & (said[name] | said[""]):
            wrong.append(f"{name} {value:g}")
    return wrong


def _numbers_by_unit(words: str) -> dict[str, set[float]]:
    """Return the numbers that are said of images, dollars, rounds and targets, and under "" those said of nothing."""
    found: dict[str, set[float]] = {name: set() for name in ("", *_UNIT_OF)}
    plain = replace_number_words(words)
    for match in _NUMBER.finditer(plain):
        before, after = plain[: match.start()], plain[match.end() :]
        unit = "usd" if before.rstrip().endswith("$") else ""
        for name, pattern in _UNIT_OF.items():
            unit = name if pattern.match(after) else unit
        found[unit].add(float(match.group()))
    found["usd"] |= {float(cents) / 100 for cents in _CENTS.findall(plain)} | (
        {0.5} if _HALF.search(words) else set()
    )
    return found


def is_consent(words: str) -> bool:
    """Whether a person's last words can be taken for an approval; a question never is one, nor a doubt."""
    if _is_question(words):
        return False
    if _APPROVES.match(words) or _APPROVES_LAST.search(words):
        return not _TAKEN_AWAY.search(words)
    agreed = _CONSENT.match(words) or _LOOKS_GOOD.match(words)
    return bool(agreed) and not _NEGATION.search(words) and not re.search(r"-\s*\d", words)


def is_agreement(words: str) -> bool:
    """Whether a person's last words can be taken for a yes to starting or going on."""
    starts = is_consent(words) or _STARTS.search(words)
    return bool(starts) and not _is_question(words) and not _NEGATION.search(words)


def is_undo(words: str) -> bool:
    """Whether a person's last words can be taken for a wish to undo something."""
    return _TAKES_BACK.search(words) is not None


def is_rejection(words: str) -> bool:
    """Whether a person's last words can be taken for a rejection; a question never is one."""
    return not _is_question(words) and _REJECTION.search(words) is not None


def _is_question(words: str) -> bool:
    return words.rstrip().endswith("?") or _QUESTION.match(words) is not None


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
