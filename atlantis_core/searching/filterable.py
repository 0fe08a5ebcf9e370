"""What images can be filtered by: every column of their metadata, and what is measured where none is a facet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_core.data.columns import values_of_columns
from atlantis_core.data.facets import is_nearly_unique

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.records import Collection
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class FilterableCollection:
    """A collection to put into an index."""

    collection: Collection
    """Its facets are all that can be filtered by."""
    left_out: tuple[str, ...]
    """Columns that nobody would filter by: hardly two images share a value."""


def prepare_filterable(session: Session, options: ReadOptions) -> FilterableCollection:
    """Return a session's collection with all that its images can be filtered by.

    A column that the label tells, or that has one value, finds no gap and is no facet, but is good to filter by.
    Where a person chose columns, those are taken, whatever they are, and no others.

    Args:
        session: Its collection is captioned where no column is a facet; captions of before are used again.
        options: With which it was read.
    """
    read = session.loaded.collection
    if not read.facets and options.facets is None:
        session.caption()
    wanted = [name for name in read.not_facets if options.facets is None or name in options.facets]
    columns = {name: values for name, values in values_of_columns(read, options, wanted).items() if values}
    unique = [name for name, values in columns.items() if is_nearly_unique([*values.values()])]
    left_out = tuple(unique) if options.facets is None else ()
    taken = {name: values for name, values in columns.items() if name not in left_out}
    return FilterableCollection(_with_columns(session.collection, taken), left_out)


def _with_columns(collection: Collection, columns: Mapping[str, Mapping[str, str]]) -> Collection:
    """Add facets; of a measured one and a column of the same name, the column stays."""
    images = []
    for image in collection.images:
        own = {name: values[image.id] for name, values in columns.items() if image.id in values}
        images.append(replace(image, facets={**image.facets, **own}))
    return replace(collection, images=tuple(images), facets=tuple(dict.fromkeys((*columns, *collection.facets))))
