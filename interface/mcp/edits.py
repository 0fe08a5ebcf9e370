"""Changes that a person asked for in a protocol before they approved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import quote
from atlantis_dml.text.figures import format_cell

_LONGEST_NAME, _MOST_CHANGES = 80, 12


class CellEdit(BaseModel):
    """A change of one cell of a protocol."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, description="Of the cell, as run_status numbers them.")
    count: int | None = Field(default=None, ge=0, description="Images for it; 0 leaves it out.")
    prompts: list[str] | None = Field(default=None, description="Prompts in place of its own.")


def change_protocol(
    question: Mapping[str, Any], images: int | None, without: str, cells: Sequence[CellEdit] | None
) -> dict[str, Any]:
    """Return the changes as `Steering.answer` takes them.

    Raises:
        ToolError: Nothing is changed, both ways are used, or the protocol has no such cell.
    """
    if cells is None:
        if images is None and not without:
            raise ToolError("nothing is changed; name images, without or cells, or use approve")
        return {"images": images, "without": without}
    if images is not None or without:
        raise ToolError("cells cannot be changed together with images or without; call edit with one of them")
    requests = [dict(request) for request in question["protocol"]["cells"]]
    for change in cells:
        request = _find_cell(requests, change)
        request |= {name: value for name in ("count", "prompts") if (value := getattr(change, name)) is not None}
    return {"cells": [request for request in requests if request["count"]]}


def describe_change(
    question: Mapping[str, Any], images: int | None, without: str, cells: Sequence[CellEdit] | None
) -> str:
    """Return the changes in words, for the person who approves them."""
    parts = [f"{count_noun(images, 'image')} in all"] if images is not None else []
    parts += [f"without {quote(without, _LONGEST_NAME)}"] if without else []
    for change in (cells or ())[:_MOST_CHANGES]:
        cell = _find_cell(question["protocol"]["cells"], change)["cell"]
        name = quote(format_cell({**cell, "class": cell["class_name"]}), _LONGEST_NAME)
        parts += [f"{name}: {count_noun(change.count, 'image')}"] if change.count is not None else []
        parts += [f"{name}: prompts such as {quote(change.prompts[0], 200)}"] if change.prompts else []
    more = len(cells or ()) - _MOST_CHANGES
    return "; ".join([*parts, *([f"and {more} more"] if more > 0 else [])])


def _find_cell(requests: Sequence[Any], change: CellEdit) -> Any:
    if change.number > len(requests):
        raise ToolError(f"the waiting protocol has no cell {change.number}; it has {len(requests)}")
    return requests[change.number - 1]
