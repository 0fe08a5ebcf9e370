"""Records as plain JSON data, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

Record = TypeVar("Record")


def as_json(record: Any) -> Any:
    """Return a record, or any nest of records, tuples and mappings, as plain JSON data."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {item.name: as_json(getattr(record, item.name)) for item in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(key): as_json(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [as_json(value) for value in record]
    return record


def from_json(kind: type[Record], payload: Any) -> Record:
    """Rebuild a record from what `as_json` made of it.

    Raises:
        pydantic.ValidationError: The payload is not such a record.
    """
    built: Record = _adapter(kind).validate_python(payload)  # type: ignore[arg-type]  # types are hashable
    return built


def from_strict_json(kind: type[Record], payload: Any) -> Record:
    """Rebuild a record from what a person may have changed: a text is then no number, nor the other way round.

    Raises:
        pydantic.ValidationError: The payload is not such a record.
    """
    text = json.dumps(payload)  # strict over JSON still takes a list for a tuple and 1 for 1.0
    built: Record = _adapter(kind).validate_json(text, strict=True)  # type: ignore[arg-type]
    return built


@cache
def _adapter(kind: type[Any]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
