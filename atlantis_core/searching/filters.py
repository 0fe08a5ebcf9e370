"""Filters: columns and the values they must have, as Chroma asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable
from atlantis_core.data.column_syntax import format_column, parse_column_value
from atlantis_core.records import IndexFacts, LabelledImage

BUILTIN_COLUMNS = ("label", "split", "role")
"""Columns that every image has."""

_FACET = "facet:"
_MAX_LISTED = 12
MOST_VALUES = 1000
"""Of a column with more, no values are listed."""

Where = Mapping[str, str | Sequence[str]]
"""Column -> its value, or values of which it has one. An image must meet all columns."""


def column_key(column: str, facets: Sequence[str]) -> str:
    """Return the name under which Chroma keeps a column; a facet comes before an own column of that name."""
    return f"{_FACET}{column}" if column in facets else column


def facet_key(facet: str) -> str:
    """Return the name under which Chroma keeps a facet."""
    return f"{_FACET}{facet}"


def image_metadata(image: LabelledImage) -> dict[str, str]:
    """Return what Chroma keeps of an image to filter by."""
    facets = {facet_key(name): value for name, value in image.facets.items()}
    return {"label": image.label, "split": image.split, "role": image.role} | facets


def list_column_values(facets: Sequence[str], images: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return what can be filtered by: column -> its values, sorted.

    Args:
        facets: Names of the facets.
        images: What `image_metadata` told of each.
    """
    keys = {name: name for name in BUILTIN_COLUMNS} | {name: facet_key(name) for name in facets}
    values: dict[str, set[str]] = {name: set() for name in keys}
    for image in images:
        for name in [name for name, key in keys.items() if key in image]:
            values[name].add(str(image[keys[name]]))
    return {name: tuple(sorted(found)) for name, found in values.items() if 0 < len(found) <= MOST_VALUES}


def to_chroma_filter(where: Where, facts: IndexFacts) -> dict[str, Any] | None:
    """Return a filter for Chroma, None where all images are wanted.

    Raises:
        SetupError: A column or a value that no image has, or the sealed test split.
    """
    check_filter(where, facts.facets, facts.columns)
    terms = [{column_key(column, facts.facets): {"$in": _allowed_values(wanted)}} for column, wanted in where.items()]
    if len(terms) < 2:
        return terms[0] if terms else None
    return {"$and": terms}


def matches_filter(metadata: Mapping[str, Any], where: Where, facets: Sequence[str]) -> bool:
    """Whether an image meets a filter that `check_filter` took, by the rules of `to_chroma_filter`."""
    return all(
        metadata.get(column_key(column, facets)) in _allowed_values(wanted) for column, wanted in where.items()
    )


def check_filter(where: Where, facets: Sequence[str], columns: Mapping[str, Sequence[str]]) -> None:
    """Refuse a filter that no image can meet.

    Args:
        where: The filter.
        facets: Names of the facets.
        columns: See `list_column_values`.

    Raises:
        SetupError: A column or a value that no image has, or the sealed test split.
    """
    for column, wanted in where.items():
        _check_column(column, _allowed_values(wanted), facets, columns)


def _allowed_values(wanted: str | Sequence[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _check_column(
    column: str, values: Sequence[Any], facets: Sequence[str], columns: Mapping[str, Sequence[str]]
) -> None:
    known = tuple(dict.fromkeys((*facets, *BUILTIN_COLUMNS)))
    if column not in known:
        raise SetupError(
            f"there is no column {to_printable(column)[:80]!r} to filter by; known: "
            f"{', '.join(map(format_column, known))}"
        )
    if not values or not all(isinstance(value, str) for value in values):
        raise SetupError(f"the filter on {column!r} needs texts to compare with")
    if column == "split" and column not in facets and "test" in values:
        raise SetupError("the test split is sealed and cannot be searched; `atlantis test RUN|TRIAL` opens it once")
    listed = columns.get(column, ())
    missing = [value for value in values if listed and value not in listed]
    if missing:
        more = f" and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
        raise SetupError(
            f"no image has {column}={to_printable(missing[0])[:80]}; values there: "
            f"{', '.join(listed[:_MAX_LISTED])}{more}"
        )


def parse_filters(texts: Sequence[str]) -> dict[str, list[str]]:
    r"""Read `COL=V` texts, `\=` for a sign of the column's own; of one column, several values are alternatives.

    Raises:
        SetupError: One has no `=`, or a side is empty.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        pair = parse_column_value(text)
        if pair is None:
            raise SetupError(f"the filter {to_printable(text)[:80]!r} is not COL=V; write it like lighting=night")
        found.setdefault(pair[0], []).append(pair[1])
    return found
