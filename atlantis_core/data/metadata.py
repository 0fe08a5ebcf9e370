"""Reading a metadata file in Hugging Face's imagefolder format.

`metadata.csv` (or `.jsonl`, `.tsv`, `.parquet`) or `meta.csv` has a row per image: `file_name` (or `path`), `label`,
optional `split` and `role`, or `is_query` and `is_gallery` of open-metric-learning; other columns may be facets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import LONGEST_LABEL, LONGEST_VALUE, clean_text, to_printable
from atlantis_core.data.csv_table import FILE_COLUMNS
from atlantis_core.data.entries import Entry, Listing, parse_split, why_outside
from atlantis_core.data.facets import MOST_VALUES
from atlantis_core.data.folder_tree import FolderTree
from atlantis_core.data.label_checks import Spelling, describe_labels, describe_missing_words, describe_similar_values
from atlantis_core.data.leftovers import Layout, add_leftovers
from atlantis_core.data.listed_paths import ListedPaths
from atlantis_core.data.metadata_files import describe_unread_metadata
from atlantis_core.data.roles import RoleColumns, choose_role_columns, parse_role
from atlantis_core.data.table_readers import read_table
from atlantis_core.data.tables import Table, unify_numbers
from atlantis_core.records import Problem, Split

_LABEL_COLUMNS = ("label", "class", "class_name")
NO_FILE, NO_LABEL = "no file name", "no label"
_BOX_COLUMNS = frozenset({"x_1", "x_2", "y_1", "y_2"})


@dataclass(frozen=True, slots=True)
class _Columns:
    file: str
    label: str
    split: str | None
    role: RoleColumns
    others: Mapping[str, str]
    """Column that may be a facet -> its name, cleaned."""


def read_metadata(
    tree: FolderTree, files: Mapping[Path, Split | None], label: str | None, split: str | None
) -> Listing:
    """List the files that metadata files name: the root's own one, or one of each split folder.

    Args:
        tree: The folder.
        files: Metadata file -> split of the folder that contains it. Paths in it are relative to that folder.
        label: Column with the class; None looks for the usual names.
        split: Column with the split; likewise.

    Raises:
        SetupError: A file cannot be read or is damaged, or a column that is required or named is missing.
    """
    sources = {file: file.relative_to(tree.root).as_posix() for file in files}
    tables = [read_table(file, source) for file, source in sources.items()]
    tables, notes = unify_numbers(tables, FILE_COLUMNS)
    paths = ListedPaths(tree)
    parts = [
        _read_part(tree, paths, table, (label, split), folder_split)
        for table, folder_split in zip(tables, files.values(), strict=True)
    ]
    source = " and ".join(sources.values())
    listing = Listing(
        tuple(entry for part in parts for entry in part.entries),
        tuple(dict.fromkeys(column for part in parts for column in part.columns)),
        tuple(problem for part in parts for problem in part.problems),
        source,
    )
    spellings = (spelling for part in parts for spelling in part.spellings)
    notes += [note for part in parts for note in part.notes]
    notes += [*describe_labels(spellings), *_describe_columns(listing), *paths.describe(source)]
    notes += _describe_other_splits(listing)
    listing = add_leftovers(
        tree, listing, Layout(lambda _: f"not listed: {source} has no row for it", sources.values())
    )
    notes += describe_unread_metadata(listing.found, tuple(sources.values()))
    return replace(listing, notes=tuple(notes))


@dataclass(frozen=True, slots=True)
class _Part:
    """What one metadata file lists."""

    entries: list[Entry]
    columns: list[str]
    problems: list[Problem]
    spellings: list[Spelling]
    notes: list[str] = field(default_factory=list)


def _read_part(
    tree: FolderTree,
    paths: ListedPaths,
    table: Table,
    named: tuple[str | None, str | None],
    folder_split: Split | None,
) -> _Part:
    columns = _choose_columns(table.header, *named, table.source)
    _check_splits(table, columns, is_named=named[1] is not None)
    part = _Part([], list(columns.others.values()), list(table.problems), [])
    base = table.source.rpartition("/")[0]
    listed_paths = [row[columns.file].strip() for _, row in table.rows]
    names = [paths.find(listed, base) if listed else "" for listed in listed_paths]
    of_folders = {} if columns.split or folder_split else _read_folder_splits(names)
    part.notes.extend(_describe_folder_splits(names, of_folders, table.source))
    for (line, row), listed, name in zip(table.rows, listed_paths, names, strict=True):
        entry = _entry(tree, name, row, columns, of_folders.get(name, folder_split))
        if entry in (NO_LABEL, NO_FILE):
            column = columns.label if entry == NO_LABEL else columns.file
            what = table.nested.get((line, column))
            entry = f"{entry}: {column!r} contains {what}, not a text or number" if what else entry
        if isinstance(entry, Entry):
            part.entries.append(entry)
            part.spellings.append(Spelling(row[columns.label].strip(), entry.label, entry.split))
        else:
            shown = to_printable(clean_text(name.removeprefix("/") if listed != name else listed, 400))
            part.problems.append(Problem(shown or f"{table.source}:{line}", entry))
    return part


def _read_folder_splits(names: Sequence[str]) -> dict[str, Split]:
    """Return file name -> split of the folder that contains it (`train/x.jpg`); empty if not every file has one."""
    found = {name: parse_split(name.partition("/")[0]) for name in names if name}
    splits = {name: split for name, split in found.items() if split and "/" in name}
    return splits if len(splits) == len(found) else {}


def _describe_folder_splits(names: Sequence[str], used: Mapping[str, Split], source: str) -> list[str]:
    """Say that splits were read from the listed paths, if they were."""
    folders = sorted({name.partition("/")[0] for name in names if name in used})
    return [f"{source} has no split column: splits are those of the folders {', '.join(folders)}"] if folders else []


def _describe_other_splits(listing: Listing) -> list[str]:
    """Say that rows put photos into another split than that of the folder they are in, if they do."""
    other = [
        entry for entry in listing.entries if parse_split(entry.name.partition("/")[0]) not in (None, entry.split)
    ]
    if not other or None in {entry.split for entry in other}:
        return []
    return [
        f"{count_noun(len(other), 'photo')} of {listing.source} in another split than that of the folder, the first "
        f"{other[0].name!r} ({other[0].split}): the split column counts"
    ]


def _entry(
    tree: FolderTree, name: str, row: Mapping[str, str], columns: _Columns, folder_split: Split | None
) -> Entry | str:
    """Return the entry of a row, or why it is left out."""
    if not name:
        return NO_FILE
    if reason := why_outside(tree.root, name, follow=tree.files.get(name, True)):
        return reason
    if not (label := clean_text(row[columns.label], LONGEST_LABEL)):
        return NO_LABEL
    split, reason = _read_split(row, columns.split, folder_split)
    if not reason:
        role, reason = parse_role(row, columns.role, split)
    if reason:
        return reason
    others = {name: value for column, name in columns.others.items() if (value := _clean(row[column]))}
    return Entry(tree.root / name, name, label, split, role, others)


def _read_split(row: Mapping[str, str], column: str | None, folder_split: Split | None) -> tuple[Split | None, str]:
    """Return the split of a row, and why it is unknown (empty if it is known or not given at all)."""
    if column is None:
        return folder_split, ""
    if not (cell := row[column].strip()):
        return None, "no split: the cell is empty (train, validation or test)"
    split = parse_split(cell)
    return split, "" if split else f"unknown split: {_clean(cell)!r} (train, validation or test)"


def _clean(text: str) -> str:
    return clean_text(text, LONGEST_VALUE)


def _describe_columns(listing: Listing) -> list[str]:
    """Return sentences on columns whose values may mean something else than a facet."""
    values: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for entry in listing.entries:
        for column, value in entry.columns.items():
            values[column][value][""] += 1
    notes = []
    for column, found in values.items():
        notes += describe_missing_words(f"{column!r}:", found)
        if len(found) <= 2 * MOST_VALUES:  # a facet, also once they are one value
            notes += describe_similar_values(column, found)
    if set(listing.columns) >= _BOX_COLUMNS:
        notes.append("columns x_1 to y_2 look like boxes: images are used whole; crop them if objects are meant")
    return notes


def _choose_columns(header: Sequence[str], label: str | None, split: str | None, source: str) -> _Columns:
    found = f"{source} has the columns {', '.join(repr(_clean(name)) for name in header)}"
    file_column = _first_column(header, FILE_COLUMNS, source)
    if file_column is None:
        raise SetupError(f"{found}, but none named file_name or path; rename the column with the file names")
    label_column = _named_column(header, label, "--label", found) or _first_column(header, _LABEL_COLUMNS, source)
    if label_column is None:
        raise SetupError(f"{found}, but none named label; name the one with the class by --label COLUMN")
    split_column = _named_column(header, split, "--split-column", found) or _first_column(header, ("split",), source)
    role = choose_role_columns(header)
    taken = {file_column, label_column, split_column, role.role}
    others = {column: name for column in header if column not in taken and (name := _clean(column))}
    return _Columns(file_column, label_column, split_column, role, others)


def _first_column(header: Sequence[str], wanted: Iterable[str], source: str) -> str | None:
    for name in wanted:
        found = [column for column in header if _clean(column).lower() == name]
        if len(found) > 1:
            raise SetupError(f"{source} has the columns {found[0]!r} and {found[1]!r}; rename or remove one of them")
        if found:
            return found[0]
    return None


def _named_column(header: Sequence[str], column: str | None, option: str, found: str) -> str | None:
    if column and column not in header:
        raise SetupError(f"{option} names the column {column!r}; {found}")
    return column


def _check_splits(table: Table, columns: _Columns, *, is_named: bool) -> None:
    """Refuse a split column without a single split among its values: it is probably the wrong column."""
    if columns.split is None or not table.rows:
        return
    counts = Counter(row[columns.split] for _, row in table.rows)
    splits = {value: parse_split(value) for value in counts}
    unknown = [value for value, split in splits.items() if value.strip() and split is None]
    if unknown and set(splits.values()) == {None, "train"}:  # else validation would be made anew, out of train
        raise SetupError(
            f"column {columns.split!r} of {table.source} has no held-out split, but {_clean(unknown[0])!r} in "
            f"{count_noun(counts[unknown[0]], 'row')}; write validation or test there, or leave out these rows"
        )
    if not any(splits.values()):
        some = ", ".join(repr(_clean(value)) for value in sorted(counts)[:5])
        other = (
            "name another column with --split-column COLUMN" if is_named else "rename it if it means something else"
        )
        raise SetupError(
            f"column {columns.split!r} of {table.source} contains no split ({some}); "
            f"use train, validation and test there, or {other}"
        )
