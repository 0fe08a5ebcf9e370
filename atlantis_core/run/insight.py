"""What a chat model makes of a collection, and what of that stands up to counting (the paper's DIG).

The model names a domain, facets and deficient cells. It decides nothing: facets are read from the captions by
whole words and kept by the rules that hold for any column; a claim points to a numbered fact or is a guess.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from atlantis_core.base.text import clean_text
from atlantis_core.data.facets import (
    LEAST_SHARE,
    add_facets,
    choose_facets,
    drop_rare_values,
    facet_value_lists,
    is_implied_by_label,
)
from atlantis_core.records import Caption, Cell, Collection

MOST_FACETS = 4
MOST_VALUES = 12
MOST_CLAIMS = 8
_MOST_WORDS = 12
_MOST_CELLS = 20
_LONGEST_NAME = 40
_LONGEST_CLAIM = 300

Mode = Literal["llm", "hybrid"]


@dataclass(frozen=True, slots=True)
class FacetIdea:
    """A facet that somebody proposes."""

    name: str
    values: Mapping[str, tuple[str, ...]]
    """Value -> words in captions that tell it; of several values that a caption tells, the first counts."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something said of the collection."""

    text: str
    evidence: tuple[str, ...]
    """Ids of facts."""
    is_guess: bool
    """True where no fact stands behind it."""
    cells: tuple[Cell, ...]
    """What it says is deficient; an empty field means any."""


@dataclass(frozen=True, slots=True)
class InsightIdeas:
    """What a model proposed, as it was read; nothing of it is checked."""

    domain: str
    facets: tuple[FacetIdea, ...]
    claims: tuple[Claim, ...]
    by: str
    """The model's name."""


@dataclass(frozen=True, slots=True)
class InsightFacts:
    """What a model reads; names, values and words are untrusted."""

    mode: Mode
    goal: str
    facts: Mapping[str, str]
    """Id (`F1`) -> a sentence with its number; in mode `llm` nothing that a trained model showed."""
    words: tuple[tuple[str, int], ...]
    """Words of captions and in how many captions they are, most frequent first."""
    num_captions: int
    classes: tuple[str, ...]
    """Of the training split; not all where there are many."""
    facet_values: Mapping[str, tuple[str, ...]]
    taken_names: tuple[str, ...]
    """What a new facet cannot be called."""


@dataclass(frozen=True, slots=True)
class FacetCheck:
    """What counting says of a proposed facet."""

    name: str
    kept: bool
    reason: str
    """Why it is not a facet, or what was left out of it."""
    counts: Mapping[str, int]
    """Value -> images whose captions tell it."""
    uncovered: int
    """Images whose captions tell no value; more is worse."""


@dataclass(frozen=True, slots=True)
class Insight:
    """What a model proposed, after the check."""

    domain: str
    mode: Mode
    by: str
    facets: tuple[FacetCheck, ...]
    claims: tuple[Claim, ...]


def shorten_name(name: str) -> str:
    """Return a class name or facet value as a model sees it: one line, not longer than is needed to tell it."""
    return clean_text(name, _LONGEST_NAME)


def check_insight(
    ideas: InsightIdeas, facts: InsightFacts, collection: Collection, captions: Sequence[Caption]
) -> tuple[Insight, tuple[FacetIdea, ...]]:
    """Check the first few facets and claims that a model proposed, from the facts it read, against the collection.

    Returns:
        What is left of it, and the facets that stood the count.
    """
    checks: list[FacetCheck] = []
    accepted: list[FacetIdea] = []
    taken = {name.casefold() for name in (*facts.taken_names, *collection.facets)}
    for idea in filter(None, map(_clean, ideas.facets[:MOST_FACETS])):
        checks.append(_check_facet(idea, collection, captions, taken))
        accepted += [idea] if checks[-1].kept else []
        taken.add(idea.name.casefold())
    grown = add_facet_ideas(collection, captions, accepted)
    claims = [_claim(claim, facts, grown) for claim in ideas.claims[:MOST_CLAIMS]]
    domain = clean_text(ideas.domain, _LONGEST_CLAIM)
    insight = Insight(domain, facts.mode, ideas.by, tuple(checks), tuple(claim for claim in claims if claim.text))
    return insight, tuple(accepted)


def add_facet_ideas(collection: Collection, captions: Sequence[Caption], ideas: Sequence[FacetIdea]) -> Collection:
    """Return the collection with the values of proposed facets, read from its captions by whole words."""
    columns = {idea.name: _column(idea, collection, captions) for idea in ideas if idea.name not in collection.facets}
    return add_facets(collection, columns) if columns else collection


def _clean(idea: FacetIdea) -> FacetIdea | None:
    """Return a facet with harmless names and few values; None where no name is left."""
    values: dict[str, tuple[str, ...]] = {}
    for value, words in idea.values.items():
        name = clean_text(value, _LONGEST_NAME)
        kept = (clean_text(word, _LONGEST_NAME) for word in (words or (value,))[:_MOST_WORDS])
        if name and len(values) < MOST_VALUES:
            values.setdefault(name, tuple(dict.fromkeys(filter(None, kept))))
    name = clean_text(idea.name, _LONGEST_NAME)
    return FacetIdea(name, values) if name else None


def _column(idea: FacetIdea, collection: Collection, captions: Sequence[Caption]) -> list[str]:
    """Return each image's value, empty where its caption tells none."""
    patterns = {value: _pattern(words) for value, words in idea.values.items() if words}
    texts = {caption.image_id: caption.text for caption in captions}
    return [
        next((value for value, words in patterns.items() if words.search(texts.get(image.id, ""))), "")
        for image in collection.images
    ]


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def _check_facet(idea: FacetIdea, collection: Collection, captions: Sequence[Caption], taken: set[str]) -> FacetCheck:
    column = _column(idea, collection, captions)
    found = Counter(column)
    counts = {value: found[value] for value in idea.values}
    reason = _why_not(idea.name, column, collection, taken) if captions else "no captions to find it in"
    rare = [f"{value!r} ({count})" for value, count in counts.items() if 0 < count < LEAST_SHARE * len(column)]
    left_out = f"left out, in under {LEAST_SHARE:.0%} of the images: {', '.join(rare)}" if rare else ""
    return FacetCheck(idea.name, not reason, reason or left_out, counts, found[""])


def _why_not(name: str, column: Sequence[str], collection: Collection, taken: set[str]) -> str:
    """Return why a column read from captions is not a facet; empty if it is one."""
    if name.casefold() in taken:
        return "there is a column or facet of this name"
    values = drop_rare_values(column)
    labels = [image.label for image in collection.images]
    if reason := choose_facets(labels, {name: values}).not_facets.get(name, ""):
        return reason
    for facet in collection.facets:
        both = [
            (value, image.facets[facet])
            for value, image in zip(values, collection.images, strict=True)
            if value and facet in image.facets
        ]
        found = [value for value, _ in both]
        if len(set(found)) > 1 and is_implied_by_label(found, [value for _, value in both]):
            return f"function of the facet {facet!r}"
    return ""


def _claim(claim: Claim, facts: InsightFacts, collection: Collection) -> Claim:
    ids = dict.fromkeys(re.sub(r"\W", "", written).upper() for written in claim.evidence)
    evidence = tuple(one for one in ids if one in facts.facts)
    cells = tuple(dict.fromkeys(filter(None, (_known_cell(cell, collection) for cell in claim.cells[:_MOST_CELLS]))))
    text = clean_text(claim.text, _LONGEST_CLAIM)
    return replace(claim, text=text, evidence=evidence, is_guess=claim.is_guess or not evidence, cells=cells)


def _known_cell(cell: Cell, collection: Collection) -> Cell | None:
    """Return a cell by the names it has in the collection; None where it has no such cell."""
    values = facet_value_lists(collection)
    class_name = _as_known(cell.class_name, {image.label for image in collection.of_split("train")})
    facet = _as_known(cell.facet, values)
    value = _as_known(cell.value, values.get(facet or "", ()))
    if class_name is None or facet is None or value is None or bool(facet) != bool(value):
        return None
    return Cell(class_name, facet, value) if class_name or facet else None


def _as_known(written: str, names: Iterable[str]) -> str | None:
    """Return the name that was meant, spelled as it is; None where there is none."""
    exact = dict.fromkeys(names)
    if not written or written in exact:
        return written
    loose = {shorten_name(name).casefold(): name for name in exact}
    return loose.get(shorten_name(written).casefold())
