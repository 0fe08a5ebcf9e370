"""Filters: which columns images can be filtered by, how Chroma stores them, and the check of a filter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable
from atlantis_core.data.column_syntax import format_column, parse_column_value
from atlantis_core.data.columns import values_of_columns
from atlantis_core.data.facets import is_nearly_unique
from atlantis_core.records import Collection, IndexFacts, LabelledImage
from atlantis_core.records.natural_order import natural_key

if TYPE_CHECKING:
    from atlantis_core.data.file_listing import ReadOptions
    from atlantis_core.run.session import Session

BUILTIN_COLUMNS = ("label", "split", "role")
"""Columns that every image has."""
MOST_VALUES = 1000
"""The values of a column with more are not listed."""
_MAX_LISTED = 12

Where = Mapping[str, str | Sequence[str]]
"""Column -> its value, or alternative values. An image must match all columns."""


@dataclass(frozen=True, slots=True)
class FilterableCollection:
    """A collection to index."""

    collection: Collection
    """Its facets are all columns that can be filtered by."""
    left_out: tuple[str, ...]
    """Columns that are useless as a filter: hardly two images share a value."""


def prepare_filterable(session: Session, options: ReadOptions) -> FilterableCollection:
    """Return a session's collection with every column that its images can be filtered by.

    A column that follows from the label, or has one value, is not a facet (no gap can be found in it), but images can
    be filtered by it. If a person chose the columns, exactly those are used.

    A collection without any facet column is captioned first; earlier captions are reused.
    """
    read = session.loaded.collection
    if not read.facets and options.facets is None:
        session.caption()
    wanted = [name for name in read.not_facets if options.facets is None or name in options.facets]
    columns = {name: values for name, values in values_of_columns(read, options, wanted).items() if values}
    unique = [name for name, values in columns.items() if is_nearly_unique([*values.values()])]
    left_out = tuple(unique) if options.facets is None else ()
    kept = {name: values for name, values in columns.items() if name not in left_out}
    collection = session.collection
    images = []
    for image in collection.images:
        own = {name: values[image.id] for name, values in kept.items() if image.id in values}
        # A column replaces a measured facet of its name.
        images.append(replace(image, facets={**image.facets, **own}))
    facets = tuple(dict.fromkeys((*kept, *collection.facets)))
    return FilterableCollection(replace(collection, images=tuple(images), facets=facets), left_out)


def facet_key(facet: str) -> str:
    """Return the name under which Chroma stores a facet."""
    return f"facet:{facet}"


def column_key(column: str, facets: Sequence[str]) -> str:
    """Return the name under which Chroma stores a column; a facet hides a built-in column of the same name."""
    return facet_key(column) if column in facets else column


def image_metadata(image: LabelledImage) -> dict[str, str]:
    """Return what Chroma stores of an image to filter by."""
    facets = {facet_key(name): value for name, value in image.facets.items()}
    return {"label": image.label, "split": image.split, "role": image.role} | facets


def list_column_values(facets: Sequence[str], images: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return column -> its sorted values, given the names of the facets and the `image_metadata` of each image."""
    keys = {name: name for name in BUILTIN_COLUMNS} | {name: facet_key(name) for name in facets}
    values: dict[str, set[str]] = {name: set() for name in keys}
    for image in images:
        for name in [name for name, key in keys.items() if key in image]:
            values[name].add(str(image[keys[name]]))
    return {
        name: tuple(sorted(found, key=natural_key)) for name, found in values.items() if 0 < len(found) <= MOST_VALUES
    }


def to_chroma_filter(where: Where, facts: IndexFacts) -> dict[str, Any] | None:
    """Return a checked filter for Chroma, None for all images."""
    check_filter(where, facts.facets, facts.columns)
    terms = [{column_key(column, facts.facets): {"$in": _list_values(wanted)}} for column, wanted in where.items()]
    if len(terms) < 2:
        return terms[0] if terms else None
    return {"$and": terms}


def matches_filter(metadata: Mapping[str, Any], where: Where, facets: Sequence[str]) -> bool:
    """Whether an image matches a checked filter, by the rules of `to_chroma_filter`."""
    return all(metadata.get(column_key(column, facets)) in _list_values(wanted) for column, wanted in where.items())


def check_filter(where: Where, facets: Sequence[str], columns: Mapping[str, Sequence[str]]) -> None:
    """Refuse a filter that no image can match; `columns` are those of `list_column_values`.

    Raises:
        SetupError: A column or a value that no image has, or the sealed test split.
    """
    known = tuple(dict.fromkeys((*facets, *BUILTIN_COLUMNS)))
    for column, wanted in where.items():
        values = _list_values(wanted)
        if column not in known:
            raise SetupError(
                f"there is no column {to_printable(column)[:80]!r} to filter by; known: "
                f"{', '.join(map(format_column, known))}"
            )
        if not values or not all(isinstance(value, str) for value in values):
            raise SetupError(f"the filter on {column!r} needs one or more texts as values")
        if column == "split" and column not in facets and "test" in values:
            raise SetupError(
                "the test split is sealed and cannot be searched; `atlantis test RUN|TRIAL` opens it once"
            )
        listed = columns.get(column, ())
        if missing := [value for value in values if listed and value not in listed]:
            more = f" and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
            raise SetupError(
                f"no image has {column}={to_printable(missing[0])[:80]}; known values: "
                f"{', '.join(listed[:_MAX_LISTED])}{more}"
            )


def _list_values(wanted: str | Sequence[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)


def parse_filters(texts: Sequence[str]) -> dict[str, list[str]]:
    r"""Parse `COL=V` texts, with `\=` for a literal sign; values of the same column are alternatives.

    Raises:
        SetupError: A text has no `=`, or an empty side.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        pair = parse_column_value(text)
        if pair is None:
            raise SetupError(f"the filter {to_printable(text)[:80]!r} is not COL=V; write it like lighting=night")
        found.setdefault(pair[0], []).append(pair[1])
    return found
