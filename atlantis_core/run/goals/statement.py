"""A goal as a chat model read it, in any language, and the checks that make a typed goal of it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Goal
from atlantis_core.run.goals.selectors import (
    cross_cells,
    find_classes_trained_on,
    keep_named,
    list_rare_classes,
    list_values,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlantis_core.records import Cell, Collection

Kind = Literal["improve", "diagnose", "question", "choose_by_test"]


@dataclass(frozen=True, slots=True)
class GoalStatement:
    """What a person's words ask for, in terms of a collection; nothing of it is checked yet."""

    kind: Kind = "improve"
    """`question`: about a run, so that none is wanted; `choose_by_test`: what no run may do."""
    classes: tuple[str, ...] = ()
    """Names, or patterns such as `trawler-*`."""
    values: tuple[tuple[str, str], ...] = ()
    """Pairs of facet and value."""
    is_about_rare: bool = False
    """Whether it is about classes with few training photos."""
    most_photos: int | None = None
    """How many training photos a class has at most that it is about."""
    skip_classes: tuple[str, ...] = ()
    skip_values: tuple[tuple[str, str], ...] = ()
    target: float | None = None
    """Recall@1 to reach, from 0 to 1."""
    gain_points: float | None = None
    """Recall@1 to gain, in points of 0..100."""
    missing: tuple[str, ...] = ()
    """Words for what it is about and no class or facet value shows."""
    unmatched: tuple[str, ...] = ()
    """Other words that name nothing here."""
    english: str = ""


def check_statement(statement: GoalStatement, text: str, collection: Collection, by: str) -> Goal:
    """Return the typed goal of a person's words.

    Args:
        statement: What a chat model made of them.
        text: The words.
        collection: Theirs.
        by: The chat model.

    Raises:
        ValueError: It names what the collection has not, a figure is out of range, or words that nobody said.
    """
    _check_figures(statement)
    _check_said((*statement.missing, *statement.unmatched), text)
    cells = _find_cells(statement, collection)
    skip = cross_cells(
        _match_classes(statement.skip_classes, collection), _check_values(statement.skip_values, collection)
    )
    return Goal(
        text.strip(),
        tuple(cell for cell in cells if cell not in skip),
        statement.target,
        gain=None if statement.gain_points is None else statement.gain_points / 100,
        skip=skip,
        mode="diagnose" if statement.kind == "diagnose" else "improve",
        unmatched=(*statement.missing, *statement.unmatched),
        missing=statement.missing,
        english=" ".join(statement.english.split()),
        by=by,
    )


def _find_cells(statement: GoalStatement, collection: Collection) -> tuple[Cell, ...]:
    classes = _match_classes(statement.classes, collection)
    values = _check_values(statement.values, collection)
    if trained := find_classes_trained_on(
        values, collection
    ):  # of classes known by these alone, others are asked for
        return cross_cells(keep_named(trained, classes), [])
    if statement.is_about_rare or statement.most_photos is not None:
        limit = None if statement.most_photos is None else statement.most_photos + 0.5
        rare = list_rare_classes(collection, limit)
        if not rare:
            raise ValueError("no class has so few training photos; set few_photos to false and most_photos to null")
        classes = keep_named(rare, classes)
    return cross_cells(classes, values)


def _match_classes(patterns: Iterable[str], collection: Collection) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        names = [name for name in collection.classes if name == pattern or fnmatchcase(name, pattern)]
        if not names:
            near = get_close_matches(pattern, collection.classes, 3, 0.4)
            raise ValueError(f"no class is named {pattern!r}; similar names: {', '.join(near) or 'none'}")
        found |= dict.fromkeys(names)
    return [] if len(found) == len(collection.classes) else list(found)


def _check_values(pairs: Sequence[tuple[str, str]], collection: Collection) -> list[tuple[str, str]]:
    known = list_values(collection)
    for facet, value in pairs:
        if (facet, value) not in known:
            has = facet_value_lists(collection).get(facet)
            which = f"{facet} has {', '.join(has)}" if has else f"facets: {', '.join(collection.facets) or 'none'}"
            raise ValueError(f"no photo shows {facet}={value}; {which}")
    return list(pairs)


def _check_figures(statement: GoalStatement) -> None:
    if statement.target is not None and not 0 < statement.target <= 1:
        raise ValueError(f"target is a Recall@1 above 0 and at most 1, not {statement.target:g}")
    if statement.gain_points is not None and not 0 < statement.gain_points <= 100:
        raise ValueError(f"gain_points is above 0 and at most 100, not {statement.gain_points:g}")
    if statement.target is not None and statement.gain_points is not None:
        raise ValueError("give target or gain_points, not both")
    if statement.most_photos is not None and statement.most_photos < 1:
        raise ValueError(f"most_photos is at least 1, not {statement.most_photos}")


def _check_said(words: Iterable[str], text: str) -> None:
    said = text.casefold()
    for word in words:
        if word.casefold() not in said:
            raise ValueError(
                f"{word!r} is not in the goal; missing and unmatched list words exactly as written there"
            )
