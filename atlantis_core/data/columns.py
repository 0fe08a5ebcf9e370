"""Values of any metadata column, facet or not, for the images of a loaded collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.data.facets import is_implied_by_label
from atlantis_core.data.file_listing import ReadOptions, list_files, resolve_folder
from atlantis_core.records import Collection


def check_columns(folder: Path, options: ReadOptions, named: Mapping[str, str]) -> None:
    """Check that columns (command-line option -> column) exist in the metadata; a `SetupError` if not."""
    known = list_files(resolve_folder(folder), options).columns
    for option, column in named.items():
        if column not in known:
            raise _unknown_column(column, known, f"{option}: ")


def values_of_column(collection: Collection, options: ReadOptions, column: str) -> dict[str, str]:
    """Return image id -> value of a column, for the training and validation images that have one.

    If the column is not a facet (object ids, say), the metadata is read again with the `options` that the collection
    was read with. No image is opened.

    Raises:
        SetupError: The column does not exist.
    """
    if column in collection.facets:
        return {image.id: image.facets[column] for image in collection.images if column in image.facets}
    if column not in collection.not_facets:
        raise _unknown_column(column, (*collection.facets, *collection.not_facets))
    return values_of_columns(collection, options, [column])[column]


def values_of_columns(
    collection: Collection, options: ReadOptions, columns: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Return column -> image id -> value, read from the metadata; no image is opened."""
    if not columns:
        return {}
    entries = list_files(Path(collection.root), options).entries
    listed = {str(entry.path): entry.columns for entry in reversed(entries)}  # of repeated rows the first counts
    rows = {image.id: listed.get(image.path, {}) for image in collection.images}
    return {name: {image_id: row[name] for image_id, row in rows.items() if row.get(name)} for name in columns}


def _unknown_column(column: str, known: Iterable[str], option: str = "") -> SetupError:
    columns = ", ".join(map(repr, known)) or "none"
    return SetupError(f"{option}there is no metadata column {column!r}; columns: {columns}")


def values_within_classes(collection: Collection, options: ReadOptions, column: str, option: str) -> dict[str, str]:
    """Return `values_of_column` of a column that differs within classes; `option` names the user in error messages.

    Raises:
        SetupError: The column does not exist, or all images of a class share its value.
    """
    values = values_of_column(collection, options, column)
    known = [image for image in collection.images if image.id in values]
    if is_implied_by_label([values[image.id] for image in known], [image.label for image in known]):
        raise SetupError(
            f"{option} {column}: all images of a class share its value, so no positive would be left; "
            "name a column that differs within classes (visit, camera, object)"
        )
    return values
