"""What a person should know about the labels of a collection: spellings that look alike, words for missing values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from atlantis_core.base.plural import count_noun
from atlantis_core.data.lookalikes import look_alike_key, quote_label
from atlantis_core.records import Split
from atlantis_core.records.natural_order import natural_key

MISSING_WORDS = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none", "undefined"})
"""Words that often stand for a missing value, in lower case."""
_MOST_NAMED = 3
_ONE_SPELLING = "give them one spelling if they mean one"


@dataclass(frozen=True, slots=True)
class Spelling:
    """A label as it was written, and as it is read."""

    written: str
    label: str
    split: Split | None


def describe_labels(spellings: Iterable[Spelling]) -> list[str]:
    """Return sentences on labels that look alike, in one split or across splits, and on words for missing values.

    Labels that look alike differ in case, spaces, `_` and `-`, invisible characters, compatible letters, or in how
    a number or a truth value is written (`3`, `03`, `3.0`; `1`, `True`). They stay different classes, unless cleaning
    makes them equal.
    """
    counts = Counter(spellings)
    images: dict[str, Counter[str]] = defaultdict(Counter)
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for spelling, count in counts.items():
        if spelling.label:
            images[spelling.label][spelling.split or ""] += count
            written[spelling.label][spelling.written] += count
    return [*_describe_merged(written), *_describe_look_alikes(images), *describe_missing_words("class", images)]


def describe_missing_words(what: str, values: Mapping[str, Counter[str]]) -> list[str]:
    """Return a sentence on values that are words for a missing value (`nan`, `None`), if there are any."""
    words = {value: found.total() for value, found in values.items() if value.lower() in MISSING_WORDS}
    if not words:
        return []
    named = ", ".join(f"{word!r} ({count_noun(count, 'image')})" for word, count in words.items())
    return [f"{what} {named} is read as text: if it marks missing values, leave the cells empty"]


def _describe_merged(written: Mapping[str, Counter[str]]) -> list[str]:
    several = [found for found in written.values() if len(found) > 1]
    if not several:
        return []
    named = _name_first([" and ".join(map(quote_label, sorted(found))) for found in several])
    return [f"labels that are written in several ways are read as one class: {named}"]


def _describe_look_alikes(images: Mapping[str, Counter[str]]) -> list[str]:
    named = _show_look_alikes(images)
    return [f"labels that look alike are different classes: {named}; {_ONE_SPELLING} class"] if named else []


def describe_similar_values(column: str, values: Mapping[str, Counter[str]]) -> list[str]:
    """Return a sentence on values of a column that look alike (`Night`, `night`), if there are any."""
    named = _show_look_alikes(values)
    return (
        [f"values of {column!r} that look alike are different values: {named}; {_ONE_SPELLING} value"]
        if named
        else []
    )


def _show_look_alikes(images: Mapping[str, Counter[str]]) -> str:
    alike: dict[str, list[str]] = defaultdict(list)
    for label in sorted(images, key=natural_key):
        alike[look_alike_key(label)].append(label)
    groups = [labels for labels in alike.values() if len(labels) > 1]
    return _name_first(
        [" / ".join(f"{quote_label(label)} ({_count(images[label])})" for label in labels) for labels in groups]
    )


def _count(by_split: Counter[str]) -> str:
    return ", ".join(f"{count} {split}".strip() for split, count in sorted(by_split.items()))


def _name_first(groups: Sequence[str]) -> str:
    more = f" and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
    return "; ".join(groups[:_MOST_NAMED]) + more
