"""A dataset of the Hugging Face hub as a folder: imagefolder (metadata file or class folders), or parquet files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import LONGEST_LABEL, clean_text, to_printable
from atlantis_core.data.entries import parse_split
from atlantis_core.data.file_listing import ReadOptions, list_files
from atlantis_core.data.inspection import USUAL_SUFFIXES
from atlantis_core.data.label_checks import Spelling, describe_labels
from atlantis_core.data.metadata_files import METADATA_NAMES
from atlantis_core.data.tables import Table, cell_text, check_header, list_values, unify_numbers
from atlantis_core.importing.folder import plan_listing
from atlantis_core.importing.import_plan import ImportedPhoto, ImportOptions, ImportPlan, join_first
from atlantis_core.importing.source_lists import resolve_listed
from atlantis_core.records import Split

_ROWS_AT_ONCE = 64
_RESERVED = frozenset({"file_name", "path", "label", "class", "class_name", "split", "role"})
"""Column names with a meaning in a metadata file."""
_MAGIC = ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"II*", ".tif"))


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns by meaning; `names` are the class names of columns that store class numbers."""

    image: str
    label: str
    others: tuple[str, ...]
    names: Mapping[str, Sequence[str]]


def plan_import(source: Path, options: ImportOptions) -> ImportPlan:
    """List the photos; splits come from folders, from the names of parquet files, or from a `split` column.

    Rows of parquet files are read while the plan is written.

    Raises:
        SetupError: No such dataset, a file is damaged, a column is missing, or `pyarrow` is not installed.
    """
    files = sorted(path for path in source.rglob("*.parquet") if _may_contain_photos(path))
    if not files:
        return plan_listing(list_files(source, ReadOptions(label=options.label)), options)
    opened = [_open_file(file) for file in files]
    columns = _choose_columns(opened[0].schema_arrow, options.label, files[0].name)
    total = sum(file.metadata.num_rows for file in opened)
    texts, notes = _read_texts(source, files, columns)
    notes += describe_labels(_spell_labels(source, files, texts, columns))
    photos = _read_photos(source, files, texts, columns, notes)
    return ImportPlan(photos, total, "the parquet dataset", halve=options.split == "zero-shot", notes=notes)


def _may_contain_photos(file: Path) -> bool:
    """Whether a parquet file is not hidden and not the metadata file of an imagefolder."""
    return not file.name.startswith(".") and file.name.lower() not in METADATA_NAMES


def _open_file(file: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise SetupError("reading parquet needs pyarrow; run: pip install 'atlantis-dml[hf]'") from error
    try:
        return parquet.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise _broken_file_error(file, error) from error


def _broken_file_error(file: Path, error: Exception) -> SetupError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return SetupError(f"{to_printable(file.name)!r} is not a complete parquet file ({reason}); download it again")


def _choose_columns(schema: Any, label: str | None, file: str) -> _Columns:
    check_header(schema.names, repr(file))
    features = _read_features(schema.metadata or {})
    image = next((field.name for field in schema if _is_image_field(field, features)), None)
    found = f"{file!r} has the columns {', '.join(map(repr, schema.names))}"
    if image is None:
        raise SetupError(f"{found}, but no image column (a struct with `bytes`)")
    wanted = label or next((name for name in ("label", "class", "class_name") if name in schema.names), None)
    if wanted is None or wanted not in schema.names:
        missing = f"none named {label!r}" if label else "none named label"
        raise SetupError(f"{found}, but {missing}; name the class column with --label COLUMN")
    others = tuple(name for name in schema.names if name not in {image, wanted})
    named = {name: feature["names"] for name, feature in features.items() if isinstance(feature.get("names"), list)}
    return _Columns(image, wanted, others, named)


def _read_features(metadata: Mapping[bytes, bytes]) -> dict[str, dict[str, Any]]:
    """Return the hub's description of the columns, such as class names."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_image_field(field: Any, features: Mapping[str, Mapping[str, Any]]) -> bool:
    return features.get(field.name, {}).get("_type") == "Image" or any(
        field.type.field(place).name == "bytes" for place in range(field.type.num_fields)
    )


def _read_texts(root: Path, files: Sequence[Path], columns: _Columns) -> tuple[list[Table], list[str]]:
    """Read all columns but the images as text; numbers are spelled alike across files. Also return notes."""
    names = (columns.label, *columns.others)
    tables = []
    for file in files:
        rows = enumerate(_read_rows(file, names), start=1)
        cells = [(line, {name: _to_text(name, row[name], columns) for name in names}) for line, row in rows]
        tables.append(Table(file.relative_to(root).as_posix(), names, tuple(cells)))
    return unify_numbers(tables, [name.strip().lower() for name in columns.names])


def _spell_labels(root: Path, files: Sequence[Path], texts: Sequence[Table], columns: _Columns) -> Iterator[Spelling]:
    for file, table in zip(files, texts, strict=True):
        split = _split_from_path(file, root)
        for _, row in table.rows:
            yield Spelling(row[columns.label].strip(), clean_text(row[columns.label], LONGEST_LABEL), split)


def _read_photos(
    root: Path, files: Sequence[Path], texts: Sequence[Table], columns: _Columns, notes: list[str]
) -> Iterator[ImportedPhoto]:
    numbers: Counter[str] = Counter()
    without_label: list[str] = []
    for file, table in zip(files, texts, strict=True):
        split = _split_from_path(file, root)
        for row, (line, cells) in zip(_read_rows(file, [columns.image]), table.rows, strict=True):
            if not (label := cells[columns.label]):
                without_label.append(f"row {line} of {table.source}")
                continue
            folder = split or "images"
            content, suffix = _image_content(root, row[columns.image])
            facets = {
                f"given_{name}" if name.strip().lower() in _RESERVED else name: cells[name] for name in columns.others
            }
            yield ImportedPhoto(f"{folder}/{numbers[folder]:06d}{suffix}", content, label, split, facets=facets)
            numbers[folder] += 1
    if without_label:
        notes.append(
            f"{count_noun(len(without_label), 'row')} without a label left out: {join_first(without_label)}."
        )


def _read_rows(file: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    with _open_file(file) as opened:
        if lacking := [name for name in names if name not in opened.schema_arrow.names]:
            raise SetupError(f"{to_printable(file.name)!r} lacks the column {lacking[0]!r} that the first file has")
        try:
            for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(names)):
                values = [list_values(column) for column in batch.columns]
                yield from (dict(zip(batch.schema.names, row, strict=True)) for row in zip(*values, strict=True))
        except (OSError, ValueError, LookupError, OverflowError) as error:
            raise _broken_file_error(file, error) from error


def _split_from_path(file: Path, root: Path) -> Split | None:
    """Read `train-00000-of-00002.parquet`, or `train/0000.parquet`."""
    words = [file.stem.replace(".", "-").partition("-")[0], *reversed(file.relative_to(root).parts[:-1])]
    return next((split for word in words if (split := parse_split(word))), None)


def _to_text(name: str, value: Any, columns: _Columns) -> str:
    """Return a value as text: class numbers as their names, lists, bytes and missing values as empty."""
    if name in columns.names and isinstance(value, int | float) and float(value).is_integer():
        names = columns.names[name]
        return str(names[int(value)]) if 0 <= value < len(names) else ""
    return cell_text(value)


def _image_content(root: Path, image: Any) -> tuple[Path | bytes, str]:
    fields: Mapping[str, Any] = image if isinstance(image, dict) else {"bytes": image}
    content, path = fields.get("bytes"), fields.get("path") or ""
    suffix = PurePosixPath(path).suffix.lower()
    if isinstance(content, bytes):
        if suffix not in USUAL_SUFFIXES:
            known = next((end for start, end in _MAGIC if content.startswith(start)), "")
            suffix = known or (".webp" if content[8:12] == b"WEBP" else ".img")
        return content, suffix
    return resolve_listed(root, path, "the parquet dataset"), suffix
