"""Filters: columns and the values they must have, as Chroma asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atlantis_core.data.entries import shown
from atlantis_core.data.typed_columns import column_value, typed
from atlantis_core.errors import SetupError
from atlantis_core.records import IndexFacts

OWN = ("label", "split", "role")
"""Columns that every image has."""

_FACET = "facet:"
_SHOWN = 12

Where = Mapping[str, str | Sequence[str]]
"""Column -> its value, or values of which it has one. An image must meet all columns."""


def key_of(column: str, facets: Sequence[str]) -> str:
    """Return the name under which Chroma keeps a column; a facet comes before an own column of that name."""
    return f"{_FACET}{column}" if column in facets else column


def facet_key(facet: str) -> str:
    """Return the name under which Chroma keeps a facet."""
    return f"{_FACET}{facet}"


def chroma_filter(where: Where, facts: IndexFacts) -> dict[str, Any] | None:
    """Return a filter for Chroma, None where all images are wanted.

    Raises:
        SetupError: A column or a value that no image has, or the sealed test split.
    """
    terms = []
    for column, wanted in where.items():
        values = [wanted] if isinstance(wanted, str) else list(wanted)
        _check(column, values, facts)
        terms.append({key_of(column, facts.facets): {"$in": values}})
    if len(terms) < 2:
        return terms[0] if terms else None
    return {"$and": terms}


def meets(metadata: Mapping[str, Any], where: Where, facts: IndexFacts) -> bool:
    """Whether what Chroma keeps of an image meets a filter that `chroma_filter` took, by the same rules."""
    return all(
        metadata.get(key_of(column, facts.facets)) in ([wanted] if isinstance(wanted, str) else wanted)
        for column, wanted in where.items()
    )


def _check(column: str, values: Sequence[Any], facts: IndexFacts) -> None:
    known = tuple(dict.fromkeys((*facts.facets, *OWN)))
    if column not in known:
        raise SetupError(
            f"there is no column {shown(column)[:80]!r} to filter by; known: {', '.join(map(typed, known))}"
        )
    if not values or not all(isinstance(value, str) for value in values):
        raise SetupError(f"the filter on {column!r} needs texts to compare with")
    if column == "split" and column not in facts.facets and "test" in values:
        raise SetupError("the test split is sealed and in no index; `atlantis test RUN` opens it once")
    listed = facts.columns.get(column, ())
    missing = [value for value in values if listed and value not in listed]
    if missing:
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        raise SetupError(
            f"no image has {column}={shown(missing[0])[:80]}; values there: {', '.join(listed[:_SHOWN])}{more}"
        )


def read_filters(texts: Sequence[str]) -> dict[str, list[str]]:
    r"""Read `COL=V` texts, `\=` for a sign of the column's own; of one column, several values are alternatives.

    Raises:
        SetupError: One has no `=`, or a side is empty.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        pair = column_value(text)
        if pair is None:
            raise SetupError(f"the filter {shown(text)[:80]!r} is not COL=V; write it like lighting=night")
        found.setdefault(pair[0], []).append(pair[1])
    return found
