"""What a goal says is not found, where nothing in the collection has that name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from atlantis_core.base.text import quote
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.generation.edit_words import find_edits
from atlantis_core.records.natural_order import natural_key
from atlantis_core.run.goals.clauses import split_clauses
from atlantis_core.run.goals.words import GENERAL, PHOTO, SAYS_NOTHING, singular, words_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Collection, Goal

_NOUN = r"[^\W\d_]{3,}"
_MISSED = (
    r"(?:(?:are|is|get|gets|keep|keeps|come|comes|were|was)\s+)(?:\w+\s+){0,2}?"
    r"(?:found|retrieved|recogni[sz]ed|missed|missing|confused|mixed\s+up|mistaken|overlooked)\b"
)
_SUBJECTS = (
    re.compile(
        rf"(?:^|[,;.:]|\b(?:and|but|that|because)\s)\s*(?:(?:the|our|my|all|some|many|most)\s+)?(?:{_NOUN}\s+)?"
        rf"(?P<noun>{_NOUN})\s+{_MISSED}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b{PHOTO}s?\s+of\s+(?:(?:the|our|my|all)\s+)?(?P<noun>{_NOUN})",
        re.IGNORECASE,
    ),
    re.compile(
        rf"^\s*(?:find|improve|fix)\s+(?:(?:the|our|my|all)\s+)?(?P<noun>{_NOUN})\s*(?=[,;.]|$)", re.IGNORECASE
    ),
)
"""Where the thing that is searched stands: "submarines are not found", "photos of submarines", "improve submarines".
A condition stands elsewhere ("photos from another shelf are not found"): images may show it though no facet does."""
_MOST_NAMED = 4


def describe_unknown_subject(goal: Goal, collection: Collection) -> str:
    """Say which things a goal of the rules is about though no class or facet value is called so; empty if none is.

    A goal that names anything here has a subject. In a collection without facets, or with codes for class names,
    nobody knows what its photos show.
    """
    if goal.cells or goal.skip or not collection.facets or not any(words_of(name) for name in collection.classes):
        return ""
    text = split_clauses(goal.text).rest
    known = GENERAL | SAYS_NOTHING | {word for match in find_edits(text) for word in words_of(match.word)}
    nouns = [match["noun"] for pattern in _SUBJECTS for match in pattern.finditer(text)]
    unknown = [noun for noun in dict.fromkeys(nouns) if singular(noun.lower()) not in known]
    if not unknown:
        return ""
    values = "; ".join(
        f"{quote(facet, 30)} has {_list(found)}" for facet, found in facet_value_lists(collection).items()
    )
    return (
        f"nothing here is called {', '.join(map(repr, unknown))}: classes are "
        f"{_list(sorted(collection.classes, key=natural_key))}; {values}; name some of these, or say "
        "'find where retrieval fails and fix it' for all queries; a chat model (--planner) knows other words"
    )


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(quote(name, 30) for name in names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
