"""Which classes and facet values a goal's words name in a collection."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from atlantis_core.base.amounts import with_digits
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.generation.edit_words import find_edits, find_requested_edits, list_rivals
from atlantis_core.records import Cell
from atlantis_core.records.natural_order import natural_key
from atlantis_core.run.goals.words import telling_words, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlantis_core.records import Collection

_PHOTOS = r"(?:\w+\s+){0,2}(?:photo|image|picture|example|shot)s?\b"
_FEW = re.compile(
    r"\b(?:few|fewest|fewer|hardly any|(?:only|just) (?:one|two|three)|(?:one|two|three) or (?:two|three|four)|"
    rf"a handful of)\s+{_PHOTOS}(?!\s+(?:of\s+\w+\s+)?(?:are|is|get)\s+(?:ever\s+)?found)"
    r"|\b(?:rare|rarest|scarce|under-?represented|long[ -]?tail(?:ed)?|(?:im|un)balanced)\b",
    re.IGNORECASE,
)
"""How people write that classes have few training photos."""
_COUNT = re.compile(
    r"\b(?:classes|class|products?|species|categor(?:y|ies)|those|ones|items?|things?|objects?|labels?|kinds?)\s+"
    r"(?:(?:that|which)\s+)?(?:with|have|has|having)\s+(?P<how>at most|up to|no more than|fewer than|less than|under|"
    rf"only|just)?\s*(?P<count>\d{{1,4}})\s+(?P<or>or\s+(?:fewer|less)\s+)?{_PHOTOS}(?P<after>\s+or\s+(?:fewer|less))?"
    r"|\btrain(?:ing)?[\s_]*(?:count|images|photos)\s*(?P<sign><=|<|=)\s*(?P<limit>\d{1,4})",
    re.IGNORECASE,
)
"""How people write a number of training photos of a class; a number of images without a class is a budget."""
_AT_LEAST = re.compile(
    r"\b(?:classes|class|products?|species|categor(?:y|ies)|those|ones)\s+(?:(?:that|which)\s+)?(?:with|have|has|having)"
    rf"\s+(?:at least|more than|over)\s+\d{{1,4}}\s+{_PHOTOS}",
    re.IGNORECASE,
)
"""Classes with many training photos, which no goal selects; the number does not limit images either."""
_BELOW = frozenset({"fewer than", "less than", "under", "<"})
_FEW_SHARE = 0.5
"""A class has few training photos if it has fewer than this share of the mean number."""
_MAX_SHARE = 0.5
"""A word that is part of more than this share of the class names says nothing about a class."""


def find_values(text: str, collection: Collection) -> list[tuple[str, str]]:
    """Return the facet values that a goal's words name, also by other words for the same light, weather or medium."""
    words = telling_words(text)
    pairs = list_values(collection)
    return [pair for pair in pairs if words_of(pair[1]) and words_of(pair[1]) <= words] or _find_synonyms(text, pairs)


def list_values(collection: Collection) -> list[tuple[str, str]]:
    """Return every facet with each of its values."""
    return [(facet, value) for facet, found in facet_value_lists(collection).items() for value in found]


def _find_synonyms(text: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the facet values that a goal names in other words: "drawings" are `style=sketch`."""
    named = {match.edit for match in find_edits(text) if list_rivals(match.edit)}
    return [pair for pair in pairs if named & find_shown_edits(*pair)]


def find_shown_edits(facet: str, value: str) -> set[str]:
    """Return what photos with a facet value show, by the names of the edits that would show it."""
    return {one.edit for one in find_requested_edits(facet, value, "", "")}


def find_classes(words: set[str], classes: Iterable[str]) -> list[str]:
    """Return the classes of whose names these words name most; none if no word tells classes apart."""
    names = {name: words_of(name) for name in classes}
    counts = {word: sum(word in found for found in names.values()) for word in words}
    telling = {word for word, count in counts.items() if 0 < count <= _MAX_SHARE * len(names)}
    most = max((len(telling & found) for found in names.values()), default=0)
    return [name for name, found in names.items() if most and len(telling & found) == most]


def find_classes_trained_on(values: Sequence[tuple[str, str]], collection: Collection) -> list[str]:
    """Return the classes whose training images all show one of these values, if no validation image shows one."""
    shown = {pair for image in collection.of_split("validation") for pair in image.facets.items()}
    if not values or shown.intersection(values):
        return []
    train = collection.of_split("train")
    others = {image.label for image in train if not image.facets.items() & set(values)}
    return sorted({image.label for image in train} - others, key=natural_key) if others else []


def find_classes_by_count(text: str, collection: Collection) -> list[str]:
    """Return the queried classes with as many training photos as the words say; none if they say nothing of it."""
    limit = _read_limit(text)
    if limit is None:
        said = _FEW.search(text)
        if not said or any(words_of(said[0]) & words_of(name) for name in collection.classes):
            return []
    return list_rare_classes(collection, limit)


def list_rare_classes(collection: Collection, limit: float | None = None) -> list[str]:
    """Return the queried classes with fewer training photos than a limit, by default half the mean number."""
    counts = Counter(image.label for image in collection.of_split("train"))
    if limit is None:
        limit = _FEW_SHARE * counts.total() / max(1, len(counts))
    asked = {image.label for image in collection.of_split("validation")}
    return sorted((name for name, count in counts.items() if count < limit and name in asked), key=natural_key)


def asks_for_rarer_classes(text: str, collection: Collection) -> bool:
    """Whether the words give a number of training photos that no queried class stays below."""
    limit = _read_limit(text)
    return limit is not None and not list_rare_classes(collection, limit)


def _read_limit(text: str) -> float | None:
    """Return the number of training photos below which a class is meant, if the words give one."""
    said = _COUNT.search(with_digits(text))
    if said is None:
        return None
    number = int(said["count"] or said["limit"])
    return number if (said["how"] or said["sign"] or "").lower() in _BELOW else number + 0.5


def without_counts(text: str) -> str:
    """Return a goal without its numbers of training photos, which are no budget."""
    text = _AT_LEAST.sub(" classes ", text)
    counted = with_digits(text)
    return _COUNT.sub(" classes ", counted) if _COUNT.search(counted) else text


def cross_cells(classes: Sequence[str], values: Sequence[tuple[str, str]]) -> tuple[Cell, ...]:
    """Return the cells of classes x facet values; none of either means any, and neither no cell."""
    cells = tuple(Cell(name, facet, value) for name in classes or [""] for facet, value in values or [("", "")])
    return () if cells == (Cell(""),) else cells


def keep_named(found: list[str], named: Sequence[str]) -> list[str]:
    """Return those of the found classes that are named; all if none of them is."""
    return [name for name in found if name in named] or found
