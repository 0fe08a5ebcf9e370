"""Reading a goal without a chat model: the classes, facet values, target and wishes that its words name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.targets import target_in
from atlantis_core.records import Goal
from atlantis_core.run.goals.clauses import split_clauses
from atlantis_core.run.goals.evidence import list_unmatched
from atlantis_core.run.goals.selectors import (
    cross_cells,
    find_classes,
    find_classes_by_count,
    find_classes_trained_on,
    find_values,
    keep_named,
    without_counts,
)
from atlantis_core.run.goals.words import telling_words

if TYPE_CHECKING:
    from atlantis_core.records import Cell, Collection

_ATTACK = re.compile(
    r"\b(adversarial(ly)?|attacked|(under|against|to|by|withstands?|resists?)\s+(an?\s+|the\s+)?attacks?|pgd|fgsm)\b",
    re.IGNORECASE,
)
_EPSILON = re.compile(
    r"\beps(?:ilon)?\s*(?:=|of|is|:)?\s*(\d+(?:\.\d+)?)|\b(\d+(?:\.\d+)?)\s*/\s*255\b", re.IGNORECASE
)
"""How people write the strength: `epsilon 2`, `eps=2`, `2/255`."""


def read_goal(text: str, collection: Collection) -> Goal:
    """Read what a goal's words ask for in a collection.

    Classes are named by a whole word of their name (`trawler` or `trawlers` names every trawler), facet values
    by the value or, if it is a light, weather or medium, by another word for it. A goal that names neither is about
    every query. A value that training images show and no query does names the classes that are trained on nothing
    else: of "products known by their catalogue image alone" other photos are asked for. "Products with few photos"
    names the classes with fewer than half the mean number of training photos, "classes with at most 5 photos" those.

    Raises:
        SetupError: The goal is empty.
    """
    if not text.strip():
        raise SetupError("the goal is empty; say what should be found, e.g. --goal 'night photos are not found'")
    clauses = split_clauses(text)
    cells = _find_cells(clauses.rest, collection)
    skip = _find_cells(clauses.excluded, collection) if clauses.excluded else ()
    target = None if clauses.gain is not None else target_in(without_counts(text))
    goal = Goal(
        text.strip(),
        tuple(cell for cell in cells if cell not in skip),
        target,
        gain=clauses.gain,
        skip=skip,
        mode="diagnose" if clauses.is_diagnosis else "improve",
    )
    words = f"{clauses.rest} {clauses.excluded}"
    return replace(goal, unmatched=list_unmatched(words, (*goal.cells, *goal.skip), collection))


def _find_cells(text: str, collection: Collection) -> tuple[Cell, ...]:
    """Return the cells that words name; an empty field means any."""
    uncounted = without_counts(text)
    classes, values = find_classes(telling_words(uncounted), collection.classes), find_values(uncounted, collection)
    if trained := find_classes_trained_on(values, collection):
        classes, values = keep_named(trained, classes), []
    elif not values and (counted := find_classes_by_count(text, collection)):
        classes = keep_named(counted, classes)
    return cross_cells(classes, values)


def read_attack(text: str) -> str:
    """Return the attack that a goal is about (`pgd:epsilon=2`, see `learning.attacks`); empty if it is about none.

    `attacked`, `adversarial` and the like, and the methods' names, say so; `epsilon 4`, `eps=4` or `4/255` the
    strength, 2 where nothing does.

    Raises:
        SetupError: The strength is not from 0 to 255.
    """
    from atlantis_core.learning.attacks import Attack, format_attack

    named = _ATTACK.search(text)
    if not named:
        return ""
    strength = _EPSILON.search(text)
    epsilon = float(next(filter(None, strength.groups()))) if strength else Attack().epsilon
    return format_attack(Attack("fgsm" if re.search(r"\bfgsm\b", text, re.IGNORECASE) else "pgd", epsilon))
