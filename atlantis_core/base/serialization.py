"""Records as plain JSON data, and back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from atlantis_core.records.inline import INLINE

Record = TypeVar("Record")


def as_json(record: Any) -> Any:
    """Return a record, or any nesting of records, sequences and mappings, as plain JSON data."""
    if record is None or isinstance(record, str | int | float):
        return record  # nearly all values; the questions below are slow
    fields = _fields(type(record))  # type: ignore[arg-type]  # types are hashable
    if fields:
        found: dict[str, Any] = {}
        for name, is_inline in fields:
            value = as_json(getattr(record, name))
            found |= value if is_inline else {name: value}
        return found
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
    adapter = _adapter(kind)  # type: ignore[arg-type]  # types are hashable
    built: Record = adapter.validate_python(_gather_inline(kind, payload))
    return built


def from_strict_json(kind: type[Record], payload: Any) -> Record:
    """Rebuild a record from JSON that a person may have edited: strings are not converted to numbers or back.

    Raises:
        pydantic.ValidationError: The payload does not match the record type.
    """
    text = json.dumps(payload)  # strict JSON still accepts a list for a tuple and 1 for 1.0
    built: Record = _adapter(kind).validate_json(text, strict=True)  # type: ignore[arg-type]
    return built


def _gather_inline(kind: type[Any], payload: Any) -> Any:
    """Return a payload with the keys that are no fields gathered in the inline field, if the record has one."""
    fields = _fields(kind)  # type: ignore[arg-type]  # types are hashable
    inline = next((name for name, is_inline in fields if is_inline), "")
    if not inline or not isinstance(payload, Mapping):
        return payload
    own = {name for name, _ in fields}
    gathered = {key: value for key, value in payload.items() if key not in own}
    return {key: value for key, value in payload.items() if key in own} | {inline: gathered}


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, bool], ...]:
    """Return the names of a record's fields, each with whether it is inline; none for other types."""
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    return tuple((item.name, item.metadata == INLINE) for item in fields)


@cache
def _adapter(kind: type[Any]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
