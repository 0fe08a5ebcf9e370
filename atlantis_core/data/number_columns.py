"""Columns of numbers: one spelling for one value.

Programs write whole numbers as floats beside a missing value (`0.0` for `0`, in pandas), and large ones with an
exponent. A column of numbers is rewritten as a whole if all its numbers are whole, or if one value is spelled in two
ways. Codes with leading zeros (`007`) are not numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_NOT_A_NUMBER = "nan"
_EXACT = 2**53
"""Above it, floats cannot tell neighbouring whole numbers apart."""


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How the cells of a column are read."""

    spelled: Mapping[str, str]
    """Cell -> the cell as it is read; others are unchanged."""
    notes: tuple[str, ...] = ()
    """What was changed, each a part of a sentence about the column."""


def choose_number_rule(cells: Iterable[str]) -> NumberRule:
    """Return the rule for a column, given all its cells."""
    present = {cell for cell in cells if cell.strip()}
    missing = {cell for cell in present if cell.strip().lower() == _NOT_A_NUMBER}
    numbers = present - missing
    if not numbers or not all(_NUMBER.fullmatch(cell.strip()) for cell in numbers):
        return NumberRule({})
    spelled = dict.fromkeys(missing, "")
    notes = ["'nan' among numbers is a missing value"] if missing else []
    values = {cell: Decimal(cell.strip()) for cell in numbers}
    are_whole = all(value == value.to_integral_value() for value in values.values())
    if are_whole or len(set(values.values())) < len(values):
        changed = {cell: text for cell, value in values.items() if (text := _shortest(value)) != cell.strip()}
        spelled |= changed
        notes += _describe(changed, values)
    return NumberRule(spelled, tuple(notes))


def _describe(changed: Mapping[str, str], values: Mapping[str, Decimal]) -> list[str]:
    if not changed:
        return []
    first = min(changed, key=lambda cell: (values[cell], cell))
    notes = [f"{first.strip()!r} is read as {changed[first]!r}, like every number in it"]
    if any(abs(values[cell]) >= _EXACT for cell in changed):
        notes.append("numbers of 16 digits and more were written as floats, so different ones may have become equal")
    return notes


def _shortest(value: Decimal) -> str:
    if value == value.to_integral_value():
        return str(int(value))
    return format(value.normalize(), "f")


def apply_rule(rule: NumberRule, cells: Sequence[str]) -> list[str]:
    """Return the cells of a column as they are read."""
    return [rule.spelled.get(cell, cell) for cell in cells]
