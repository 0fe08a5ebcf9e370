"""Amounts in a person's sentences (images, dollars, rounds), in digits or simple number words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from atlantis_core.base.errors import SetupError

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
_IN_WORDS = rf"\b(?:a\s+)?(?:{_WORD})(?:[\s-]+(?:{_WORD}))*\b"
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_NUMBER = re.compile(r"(\d{1,9})?(?:\.(\d{1,6}))?([kK])?")
_MEANS = {
    "image": ("images", 1),
    "picture": ("images", 1),
    "photo": ("images", 1),
    "dollar": ("usd", 1),
    "usd": ("usd", 1),
    "buck": ("usd", 1),
    "cent": ("usd", 100),
    "round": ("rounds", 1),
    "percent": ("target", 100),
    "%": ("target", 100),
    "recall": ("target", 1),
}
"""A unit as people write it -> the quantity that it limits, and how many of it make one."""
_LIMITS = ("images", "usd", "rounds")
_FIGURE = (
    rf"(?:(?P<dollar>\$)\s*|(?<![\w.@,/$\u2013-]))(?P<figure>[-+~<>]?[\d.][\d.,/eEkK\u2013-]*|{_IN_WORDS}|\bhalf a\b)"
)
_UNIT = rf"(?P<unit>{'|'.join(_MEANS)})s?(?!\w)"
_AMOUNT = re.compile(rf"{_FIGURE}(?:\s*(?:(?:new|more|extra|synthetic|generated)\s+)?{_UNIT})?", re.IGNORECASE)
_ANY_AMOUNT = re.compile(rf"{_FIGURE}(?:(?<![.,])(?=\s*(?:\w+\s+)?{_UNIT}))?", re.IGNORECASE)
"""With any one word before the unit: `300 labelled photos` is a number of images, though not a limit. It looks ahead
only, since that word may be the next number; after a comma or full stop nothing belongs to this number."""

_LIMIT_IN_WORDS = re.compile(
    rf"(?<=\bat most\s)(?P<figure>{_IN_WORDS})(?=\s+(?:\w+\s+)?{_UNIT})"
    rf"|(?<=\bno more than\s)(?P<other>{_IN_WORDS})(?=\s+(?:\w+\s+)?{_UNIT.replace('?P<unit>', '?:')})",
    re.IGNORECASE,
)
"""A number in words that can only be a limit: "at most fifty images"."""

_PLAIN_UNIT = _UNIT.replace("?P<unit>", "?:")
_PLAIN = r"\$?\d[\d.,]*(?<![.,])[kK]?(?![\w.,]*\d)"
_NOT_BUT = re.compile(
    rf"\bnot\s+{_PLAIN}(?:\s+(?P<unit>{_PLAIN_UNIT}))?,?\s+but\s+(?:(?:only|just|at most)\s+)?(?P<figure>{_PLAIN})"
    rf"(?:\s+(?P<own>{_PLAIN_UNIT}))?",
    re.IGNORECASE,
)
_INSTEAD = re.compile(
    rf"(?P<figure>{_PLAIN})(?:\s+(?P<own>{_PLAIN_UNIT}))?,?\s+(?:instead\s+of|rather\s+than|(?:and\s+)?not)\s+{_PLAIN}"
    rf"(?:\s+(?P<unit>{_PLAIN_UNIT}))?",
    re.IGNORECASE,
)
_NOT = re.compile(rf"\bnot\s+{_PLAIN}\s+{_PLAIN_UNIT}", re.IGNORECASE)
"""A number that a person takes back: "not 200 images but 50", "50 instead of 200 images"."""
_WHOLE = r"(?:class|product|round|cell|species|category|value|condition|kind)"
_EACH = (
    rf"(?:each\b|apiece\b|(?:per|/)\s*[^\W\d]+|(?:for|in|of)\s+(?:each|every)\s+\w+|(?:a|an|each|every)\s+{_WHOLE}\b)"
)
_SHARE = re.compile(
    rf"{_PLAIN}\s+(?:\w+\s+)?{_PLAIN_UNIT}\s*{_EACH}|\$\d[\d.,]*\s*{_EACH}|(?<![\w.,@/-])\d[\d,]*\s*(?:per|(?:for|in)\s+(?:each|every))\s+{_WHOLE}\b"
    rf"|\b(?:each|every|per)\s+{_WHOLE}\s+(?:\w+\s+){{0,2}}{_PLAIN}\s+(?:\w+\s+)?{_PLAIN_UNIT}",
    re.IGNORECASE,
)
"""A number that is not a total: "3 images each", "100 images per round"."""


def with_digits(text: str) -> str:
    """Replace simple number words by digits: `two hundred images` becomes `200 images`."""
    return re.sub(_IN_WORDS, lambda match: str(_value(match.group())), _GROUPED.sub("", text), flags=re.IGNORECASE)


def amounts_in(text: str) -> Iterator[tuple[str, float]]:
    """Return each number with its quantity: `images`, `usd`, `rounds`, `target`, or "" for any other.

    Cents are converted to dollars, and percentages to shares. Ambiguous figures (`5-10 images`) are left out.
    """
    return ((unit, value) for unit, _, value in _amounts(text, _ANY_AMOUNT) if value is not None)


def limits_in(text: str) -> dict[str, float]:
    """Return the limits that a goal names in digits, or as `half a dollar`: `images`, `usd`, `rounds`.

    Other number words are not limits: `two photos of one class are confused` says nothing about a budget.

    Raises:
        SetupError: A limit is not a plain number (`5-10 images`, `2,5 dollars`) or not a total (`3 images each`), or
            a quantity has two limits.
    """
    found: dict[str, float] = {}
    written = _LIMIT_IN_WORDS.sub(lambda match: str(_value(match[0])), without_corrected(text))
    share = _SHARE.search(written)
    for unit, figure, value in _amounts(_SHARE.sub(" ", written)):
        if unit not in _LIMITS or _is_in_words(figure):
            continue
        if value is None or (unit != "usd" and not (value.is_integer() and "." not in figure)):
            raise SetupError(
                f"{figure!r} cannot be read as a number of {unit}: write it as in '300 images and 2.5 dollars'"
            )
        if found.setdefault(unit, value) != value:
            raise SetupError(f"the goal names {found[unit]:g} and {value:g} {unit}: say one number")
    if share and not found.keys() & _units_of(share[0]):
        raise SetupError(f"{share[0].strip()!r} is not a total: name the number of the whole run, as in '9 images'")
    return found


def _units_of(share: str) -> set[str]:
    """Return what a share is one of: a total of it beside the share is the limit; a bare number is of images."""
    return {unit for unit, _, _ in _amounts(share) if unit in _LIMITS} or {"images"}


def without_corrected(text: str) -> str:
    """Return a text without the numbers that it takes back: `not 200 images but 50` becomes `50 images`."""
    text = _NOT_BUT.sub(_write_correction, text)
    return _NOT.sub(" ", _INSTEAD.sub(_write_correction, text))


def _write_correction(match: re.Match[str]) -> str:
    return f"{match['figure']} {match['unit'] or match['own'] or ''}"


def without_limits(text: str) -> str:
    """Return a goal without its limits, so that `2 dollars` is not taken for a class."""

    def shorten(match: re.Match[str]) -> str:
        is_limit = _unit(match)[0] in _LIMITS and not _is_in_words(match["figure"])
        return " " if is_limit else match.group()

    return _AMOUNT.sub(shorten, text)


def _is_in_words(figure: str) -> bool:
    return figure.lower() != "half a" and not any(letter.isdigit() for letter in figure)


def _amounts(text: str, pattern: re.Pattern[str] = _AMOUNT) -> Iterator[tuple[str, str, float | None]]:
    """Yield unit, figure as written, and value, which is None for an ambiguous figure."""
    for match in pattern.finditer(text):
        unit, parts = _unit(match)
        figure = match["figure"].rstrip(".,")
        value = _read(figure)
        yield unit, figure, None if value is None else value / parts


def _unit(match: re.Match[str]) -> tuple[str, int]:
    return ("usd", 1) if match["dollar"] else _MEANS.get((match["unit"] or "").lower(), ("", 1))


def _read(figure: str) -> float | None:
    if figure.lower() == "half a":
        return 0.5
    match = _NUMBER.fullmatch(with_digits(figure))
    if not match or not (match[1] or match[2]):
        return None
    return float(f"{match[1] or 0}.{match[2] or 0}") * (1000 if match[3] else 1)


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
