"""Values of any metadata column, facet or not, for the images of a collection that was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.data.facets import is_implied_by_label
from atlantis_core.data.reading import ReadOptions, list_files, resolve_folder
from atlantis_core.records import Collection


def check_columns(folder: Path, options: ReadOptions, asked: Mapping[str, str]) -> None:
    """Refuse columns that the metadata lack; no image is opened.

    Args:
        folder: The collection's.
        options: With which it is to be read.
        asked: Option that names a column -> its name.

    Raises:
        SetupError: There is no such column, or no such folder.
    """
    known = list_files(resolve_folder(folder), options).columns
    for option, column in asked.items():
        if column not in known:
            raise _unknown_column(column, known, f"{option}: ")


def values_of_column(collection: Collection, options: ReadOptions, column: str) -> dict[str, str]:
    """Return image id -> value of a column for the training and validation images that have one.

    Facets are on the images already; of a column with too many values for a facet (object ids, say) the metadata is
    read again. No image is opened.

    Args:
        collection: As read.
        options: With which it was read.
        column: Name of a metadata column.

    Raises:
        SetupError: There is no such column.
    """
    if column in collection.facets:
        return {image.id: image.facets[column] for image in collection.images if column in image.facets}
    if column not in collection.not_facets:
        raise _unknown_column(column, (*collection.facets, *collection.not_facets))
    return values_of_columns(collection, options, [column])[column]


def values_of_columns(
    collection: Collection, options: ReadOptions, columns: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Return column -> image id -> value, from the metadata; no image is opened.

    Args:
        collection: As read.
        options: With which it was read.
        columns: Names of metadata columns.
    """
    if not columns:
        return {}
    listed = {str(entry.path): entry.columns for entry in list_files(Path(collection.root), options).entries}
    rows = {image.id: listed.get(image.path, {}) for image in collection.images}
    return {name: {image_id: row[name] for image_id, row in rows.items() if row.get(name)} for name in columns}


def _unknown_column(column: str, known: Iterable[str], asked_by: str = "") -> SetupError:
    columns = ", ".join(map(repr, known)) or "none"
    return SetupError(f"{asked_by}there is no metadata column {column!r}; columns: {columns}")


def values_within_classes(collection: Collection, options: ReadOptions, column: str, option: str) -> dict[str, str]:
    """Return the same of a column that tells images of one class apart.

    Args:
        collection: As read.
        options: With which it was read.
        column: Name of a metadata column.
        option: Who asks, for the message.

    Raises:
        SetupError: There is no such column, or all images of a class share its value.
    """
    values = values_of_column(collection, options, column)
    known = [image for image in collection.images if image.id in values]
    if is_implied_by_label([values[image.id] for image in known], [image.label for image in known]):
        raise SetupError(
            f"{option} {column}: all images of a class share its value, so nothing would be left to find; "
            "name a column that differs within classes (visit, camera, object)"
        )
    return values
