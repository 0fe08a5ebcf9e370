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
EXACT = 2**53
"""Above it, floats cannot tell neighbouring whole numbers apart."""
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How the cells of a column are read."""

    spelled: Mapping[str, str]
    """Cell -> the cell as it is read, empty for a missing value; others are unchanged."""
    may_be_inexact: bool = False
    """Whether numbers were written as floats that are too large to tell neighbours apart."""

    @property
    def example(self) -> str:
        """The first change in words: `'0.0' is read as '0'`; empty without any."""
        if not self.spelled:
            return ""
        cell = min(self.spelled, key=lambda cell: (self.spelled[cell] == "", len(cell), cell))
        return f"{cell.strip()!r} is read as {repr(self.spelled[cell]) if self.spelled[cell] else 'missing'}"


def choose_number_rule(cells: Iterable[str]) -> NumberRule:
    """Return the rule for a column, given all its cells."""
    present = {cell for cell in cells if cell.strip()}
    missing = {cell for cell in present if cell.strip().lower() == _NOT_A_NUMBER}
    numbers = present - missing
    if not numbers or not all(_NUMBER.fullmatch(cell.strip()) for cell in numbers):
        return NumberRule({})
    spelled = dict.fromkeys(missing, "")
    values = {cell: Decimal(cell.strip()) for cell in numbers}
    are_whole = all(value == value.to_integral_value() for value in values.values())
    if not are_whole and len(set(values.values())) == len(values):
        return NumberRule(spelled)
    changed = {cell: text for cell, value in values.items() if (text := _shortest(value)) != cell.strip()}
    return NumberRule(spelled | changed, any(abs(values[cell]) >= EXACT for cell in changed))


def _shortest(value: Decimal) -> str:
    if value == value.to_integral_value():
        return str(int(value))
    return format(value, "f").rstrip("0")  # `normalize` would round to 28 digits


def apply_rule(rule: NumberRule, cells: Sequence[str]) -> list[str]:
    """Return the cells of a column as they are read."""
    return [rule.spelled.get(cell, cell) for cell in cells]


def describe_rules(rules: Mapping[str, NumberRule]) -> list[str]:
    """Return sentences on columns (by their names for messages) whose numbers are spelled otherwise in the file."""
    if not rules:
        return []
    examples = [f"{column} ({rule.example})" for column, rule in rules.items()]
    more = f" and {len(examples) - _MOST_NAMED} more columns" if len(examples) > _MOST_NAMED else ""
    notes = [f"one spelling for one number in {', '.join(examples[:_MOST_NAMED])}{more}"]
    if inexact := [column for column, rule in rules.items() if rule.may_be_inexact]:
        notes.append(
            f"{inexact[0]} has numbers of 16 digits or more, written as floats: different ones may have "
            "become equal; write them as text"
        )
    return notes
