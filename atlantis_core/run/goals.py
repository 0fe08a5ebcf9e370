"""Reading a goal without a chat model: the classes, facet values, target and budget that its words name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from atlantis_core.base.errors import SetupError
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell, Collection, Goal

_TARGET = re.compile(r"(?:r(?:ecall)?\s*@?\s*1|recall)\D{0,20}?(0?\.\d+|\d{1,3}\s*%)", re.IGNORECASE)
_FIGURE = r"[-+~<>]?[\d.][\d.,/eEkK\u2013-]*"
_BUDGETS = {
    "images": re.compile(rf"(?<!\S)({_FIGURE})\s+(?:images?|pictures?|photos?)\b", re.IGNORECASE),
    "usd": re.compile(rf"\$\s*({_FIGURE})|(?<![\S$])({_FIGURE})\s*(?:dollars?|usd)\b", re.IGNORECASE),
    "rounds": re.compile(rf"(?<!\S)({_FIGURE})\s+rounds?\b", re.IGNORECASE),
}
_CENTS = re.compile(r"(?<!\S)(\d{1,6})\s*cents?\b", re.IGNORECASE)
_HALF_DOLLAR = re.compile(r"\bhalf a dollar\b", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,9})?(?:\.(\d{1,6}))?([kK])?")
_SAYS_NOTHING = frozenset(
    re.findall(
        r"\w+",
        "all and any are but can dollar find for found from have has image improve mend more need not one our photo "
        "picture round should some that the their them these they this usd want with you your",
    )
)
"""Words of a goal that never name a class."""
_MAX_SHARE = 0.5
"""A word that is part of more than this share of the class names says nothing about a class."""


def read_goal(text: str, collection: Collection) -> Goal:
    """Read what a goal's words name: cells of the collection and a target.

    Classes are named by a whole word of their name (`trawler` or `trawlers` names every trawler), facet values
    by the value. A goal that names neither is about every query.

    Raises:
        SetupError: The goal is empty.
    """
    if not text.strip():
        raise SetupError("the goal is empty; say what should be found, e.g. --goal 'night photos are not found'")
    words = _words(_without_budget(text)) - _SAYS_NOTHING
    classes = _named_classes(words, collection.classes)
    values = [
        (facet, value)
        for facet, found in facet_value_lists(collection).items()
        for value in found
        if _words(value) and _words(value) <= words
    ]
    cells = tuple(Cell(name, facet, value) for name in classes or [""] for facet, value in values or [("", "")])
    return Goal(text.strip(), () if cells == (Cell(""),) else cells, _target(text))


def describe_goal(goal: Goal, collection: Collection) -> str:
    """Say what a goal was understood to name in a collection, so that nobody has to guess."""
    if not goal.cells:
        known = "; ".join(
            f"{facet}: {', '.join(values[:6])}" for facet, values in facet_value_lists(collection).items()
        )
        hint = f"it could name {known}" if known else "facets will come from captions"
        return f"the goal names no class and no facet value, so every query counts ({hint})"
    values = sorted({f"{cell.facet}={cell.value}" for cell in goal.cells if cell.facet})
    classes = sorted({cell.class_name for cell in goal.cells if cell.class_name})
    many = f"{len(classes)} classes ({', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''})"
    named = [", ".join(values)] if values else []
    named += [many if len(classes) > 1 else f"class {classes[0]}"] if classes else []
    return f"the goal names {' in '.join(named)}"


def parse_budget(text: str) -> dict[str, float]:
    """Return the limits that a goal's words set: `images`, `usd`, `rounds`, as far as they are named.

    Raises:
        SetupError: A limit is no plain number (`5-10 images`, `2,5 dollars`), or one thing has two limits.
    """
    found = {unit: {_plain(figure, unit) for figure in _figures(pattern, text)} for unit, pattern in _BUDGETS.items()}
    found["usd"] |= {float(cents) / 100 for cents in _CENTS.findall(text)}
    found["usd"] |= {0.5} if _HALF_DOLLAR.search(text) else set()
    for unit, values in found.items():
        if len(values) > 1:
            several = " and ".join(f"{value:g}" for value in sorted(values))
            raise SetupError(f"the goal names {several} {unit}: say one number")
    return {unit: values.pop() for unit, values in found.items() if values}


def _figures(pattern: re.Pattern[str], text: str) -> list[str]:
    return [next(filter(None, match.groups())).rstrip(".,") for match in pattern.finditer(text)]


def _plain(figure: str, unit: str) -> float:
    """Read one number; whole images and rounds only.

    Raises:
        SetupError: It is none that can be read for sure.
    """
    match = _NUMBER.fullmatch(figure)
    if not match or not (match[1] or match[2]) or (match[2] and unit != "usd" and not match[3]):
        raise SetupError(
            f"{figure!r} cannot be read as a number of {unit}: write it as in '300 images and 2.5 dollars'"
        )
    value = float(f"{(match[1] or '0').replace(',', '')}.{match[2] or '0'}") * (1000 if match[3] else 1)
    if unit != "usd" and not value.is_integer():
        raise SetupError(f"{figure!r} is no whole number of {unit}")
    return value


def _without_budget(text: str) -> str:
    """Return a goal without its limits: `2 dollars` names no class."""
    for pattern in (*_BUDGETS.values(), _CENTS, _HALF_DOLLAR):
        text = pattern.sub(" ", text)
    return text


def _named_classes(words: set[str], classes: Iterable[str]) -> list[str]:
    words_of = {name: _words(name) for name in classes}
    counts = {word: sum(word in found for found in words_of.values()) for word in words}
    telling = {word for word, count in counts.items() if 0 < count <= _MAX_SHARE * len(words_of)}
    most = max((len(telling & found) for found in words_of.values()), default=0)
    return [name for name, found in words_of.items() if most and len(telling & found) == most]


def _words(text: str) -> set[str]:
    """Lower-case words of three letters and more, plurals as singulars."""
    return {re.sub(r"(?<=[a-z]{3})s$", "", word) for word in re.findall(r"[^\W\d_]{3,}", text.lower())}


def _target(text: str) -> float | None:
    match = _TARGET.search(text)
    if not match:
        return None
    figure = match.group(1).replace(" ", "")
    return float(figure[:-1]) / 100 if figure.endswith("%") else float(figure)
