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
_WHICH = r"(?:(?:the|our|my|all|any|some|many|most)\s+)?"
_SUBJECTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:^|[,;.:]|\b(?:and|but|that|because)\s)\s*{_WHICH}(?:{_NOUN}\s+)?(?P<noun>{_NOUN})\s+{_MISSED}",
        rf"\b(?:{PHOTO}s?|retrieval|recall)\s+(?:of|for)\s+{_WHICH}(?P<noun>{_NOUN})",
        rf"^\s*(?:find|improve|fix)\s+{_WHICH}(?P<noun>{_NOUN})\s*(?=[,;.]|$)",
        rf"\b(?:cannot|can't|never|do(?:es)?n't|not)\s+(?:find|retrieve|recogni[sz]e)\s+{_WHICH}(?P<noun>{_NOUN})",
        rf"\b(?:misses|better\s+at|worse\s+at|bad\s+at)\s+{_WHICH}(?P<noun>{_NOUN})",
    )
)
"""Where the thing that is searched stands: "submarines are not found", "photos of submarines", "improve submarines".
A condition stands elsewhere ("photos from another shelf are not found"): images may show it though no facet does."""
_MOST_NAMED = 4


def describe_unknown_subject(goal: Goal, collection: Collection, *, is_captioned: bool = False) -> str:
    """Say which things a goal of the rules is about though no class or facet value is called so; empty if none is.

    A goal that names anything here has a subject. In a collection whose facets will come from captions, or with codes
    for class names, nobody knows yet what its photos show.
    """
    if goal.cells or goal.skip or not any(words_of(name) for name in collection.classes):
        return ""
    if not collection.facets and not is_captioned:
        return ""
    text = split_clauses(goal.text).rest
    known = GENERAL | SAYS_NOTHING | {word for match in find_edits(text) for word in words_of(match.word)}
    nouns = [match["noun"] for pattern in _SUBJECTS for match in pattern.finditer(text)]
    unknown = [
        noun for noun in dict.fromkeys(nouns) if singular(noun.lower()) not in known and noun in goal.unmatched
    ]
    if not unknown:
        return ""
    values = "".join(
        f"; {quote(facet, 30)} has {_list(found)}" for facet, found in facet_value_lists(collection).items()
    )
    called = ", ".join(quote(word, 30) for word in unknown[:_MOST_NAMED])
    classes = _list(sorted(collection.classes, key=natural_key))
    return (
        f"nothing here is called {called}: classes are {classes}{values or '; captions gave no facet'}; name "
        "some of these, or say 'find where retrieval fails and fix it' for all queries; a chat model (--planner), or "
        "other captions (--captioner), may know more words"
    )


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(quote(name, 30) for name in names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
