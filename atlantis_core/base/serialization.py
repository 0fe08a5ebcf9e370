"""Records as plain JSON data, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

Record = TypeVar("Record")


def as_json(record: Any) -> Any:
    """Return a record, or any nesting of records, sequences and mappings, as plain JSON data."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {item.name: as_json(getattr(record, item.name)) for item in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(key): as_json(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [as_json(value) for value in record]
    return record


def from_json(kind: type[Record], payload: Any) -> Record:
    """Rebuild a record from the output of `as_json`.

    Raises:
        pydantic.ValidationError: The payload does not match the record type.
    """
    built: Record = _adapter(kind).validate_python(payload)  # type: ignore[arg-type]  # types are hashable
    return built


def from_strict_json(kind: type[Record], payload: Any) -> Record:
    """Rebuild a record from JSON that a person may have edited: strings are not converted to numbers or back.

    Raises:
        pydantic.ValidationError: The payload does not match the record type.
    """
    text = json.dumps(payload)  # strict JSON still accepts a list for a tuple and 1 for 1.0
    built: Record = _adapter(kind).validate_json(text, strict=True)  # type: ignore[arg-type]
    return built


@cache
def _adapter(kind: type[Any]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
