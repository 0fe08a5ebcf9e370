"""What of a goal's words nothing in the collection bears out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.text import quote
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.generation.edit_words import EditMatch, find_edits, list_rivals
from atlantis_core.run.goals.clauses import chooses_by_test, split_clauses
from atlantis_core.run.goals.selectors import asks_for_rarer_classes, find_shown_edits, list_values
from atlantis_core.run.goals.subjects import describe_unknown_subject
from atlantis_core.run.goals.words import GENERAL, spell_words, telling_words, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Cell, Collection, Goal

_MOST_VALUES = 6


def list_unmatched(text: str, named: Sequence[Cell], collection: Collection) -> tuple[str, ...]:
    """Return the words that name nothing, in their order, without those that any goal may contain."""
    matched = {
        word for cell in named for name in (cell.class_name, cell.facet, cell.value) for word in words_of(name)
    }
    matched |= {word for match in find_edits(text) if _is_shown(match, collection) for word in words_of(match.word)}
    telling = telling_words(text) - matched - GENERAL
    return tuple(written for word, written in spell_words(text).items() if word in telling)


def is_goal_without_names(text: str) -> bool:
    """Whether words are a goal though they may name nothing of a collection: a light, a diagnosis, the test split."""
    if chooses_by_test(text) or split_clauses(text).is_diagnosis:
        return True
    return any(list_rivals(match.edit) for match in find_edits(text))


def describe_missing_evidence(goal: Goal, collection: Collection, *, is_captioned: bool = False) -> str:
    """Say which light, weather, medium or thing a goal names though no photo shows it; empty if there is none.

    Only a facet that describes such a thing tells: of photos without any, nobody knows what they show. What a chat
    model found missing counts where the collection has facets, whatever it is. `is_captioned` says that captions were
    made, so that a collection without facets will get none.
    """
    if any(cell.facet for cell in goal.cells):
        return ""
    if goal.by:
        return _describe_missing(goal.missing, collection) if collection.facets else ""
    if asks_for_rarer_classes(goal.text, collection):
        return "no class that is asked for has so few training photos; name another number, or leave it out"
    names = {word for cell in goal.cells for word in words_of(cell.class_name)}
    for match in find_edits(split_clauses(goal.text).rest):
        rivals = _find_rival_facet(match, collection)
        if rivals and not words_of(match.word) <= names and not _is_shown(match, collection):
            facet, values = rivals
            has = ", ".join(quote(value, 30) for value in values[:_MOST_VALUES])
            cure = f"name one of these in the goal, or leave {match.word!r} out"
            return f"no photo here shows {match.word!r}: {quote(facet, 30)} has {has}; {cure}"
    return describe_unknown_subject(goal, collection, is_captioned=is_captioned)


def _describe_missing(words: Sequence[str], collection: Collection) -> str:
    if not words:
        return ""
    named = ", ".join(quote(word, 30) for word in words)
    shown = "; ".join(
        f"{quote(facet, 30)} has {', '.join(quote(value, 30) for value in values[:_MOST_VALUES])}"
        for facet, values in facet_value_lists(collection).items()
    )
    return f"no photo here shows {named}: {shown}; name one of these or a class in the goal, or leave it out"


def _is_shown(match: EditMatch, collection: Collection) -> bool:
    return any(match.edit in find_shown_edits(*pair) for pair in list_values(collection))


def _find_rival_facet(match: EditMatch, collection: Collection) -> tuple[str, Sequence[str]] | None:
    """Return the first facet with a value for another light, weather or medium than the word's, and its values."""
    rivals = list_rivals(match.edit)
    facet = next((pair[0] for pair in list_values(collection) if rivals & find_shown_edits(*pair)), None)
    return None if facet is None else (facet, facet_value_lists(collection)[facet])
