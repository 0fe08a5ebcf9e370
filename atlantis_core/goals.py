"""Reading a goal without a chat model: the classes, facet values, target and budget that its words name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from atlantis_core.errors import SetupError
from atlantis_core.protocols import known_values
from atlantis_core.records import Cell, Collection, Goal

_TARGET = re.compile(r"(?:r(?:ecall)?\s*@?\s*1|recall)\D{0,20}?(0?\.\d+|\d{1,3}\s*%)", re.IGNORECASE)
_BUDGETS = {
    "images": re.compile(r"(\d+)\s+(?:images|pictures|photos)\b", re.IGNORECASE),
    "usd": re.compile(r"\$\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:dollars?|usd)\b", re.IGNORECASE),
    "rounds": re.compile(r"(\d+)\s+rounds?\b", re.IGNORECASE),
}
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
    words = _words(text)
    classes = _named_classes(words, collection.classes)
    values = [
        (facet, value)
        for facet, found in known_values(collection).items()
        for value in found
        if _words(value) and _words(value) <= words
    ]
    cells = tuple(Cell(name, facet, value) for name in classes or [""] for facet, value in values or [("", "")])
    return Goal(text.strip(), () if cells == (Cell(""),) else cells, _target(text))


def goal_in_words(goal: Goal, collection: Collection) -> str:
    """Say what a goal was understood to name in a collection, so that nobody has to guess."""
    if not goal.cells:
        known = "; ".join(f"{facet}: {', '.join(values[:6])}" for facet, values in known_values(collection).items())
        hint = f"it could name {known}" if known else "facets will come from captions"
        return f"the goal names no class and no facet value, so every query counts ({hint})"
    values = sorted({f"{cell.facet}={cell.value}" for cell in goal.cells if cell.facet})
    classes = sorted({cell.class_name for cell in goal.cells if cell.class_name})
    many = f"{len(classes)} classes ({', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''})"
    named = [", ".join(values)] if values else []
    named += [many if len(classes) > 1 else f"class {classes[0]}"] if classes else []
    return f"the goal names {' in '.join(named)}"


def budget_in(text: str) -> dict[str, float]:
    """Return the limits that a goal's words set: `images`, `usd`, `rounds`, as far as they are named."""
    found = {unit: pattern.search(text) for unit, pattern in _BUDGETS.items()}
    return {unit: float(next(filter(None, match.groups()))) for unit, match in found.items() if match}


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
