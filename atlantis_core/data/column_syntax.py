r"""Columns and their values as a person types them: `COL=V` and `A,B`.

The first `=` divides, so a value may hold more of them. `\=` and `\,` are the signs themselves: `focal\=35=yes` asks
for the value `yes` of the column `focal=35`.
"""

from __future__ import annotations

import re


def parse_column_value(text: str) -> tuple[str, str] | None:
    """Read `COL=V`; None where it is no such text."""
    column, *rest = re.split(r"(?<!\\)=", text, maxsplit=1)
    found = _plain(column), _plain("".join(rest))
    return found if all(found) else None


def parse_column_values(text: str) -> list[str]:
    """Cut `COL=V,COL=V` into its parts: a comma divides only before the next `COL=`, others stay in the value."""
    return re.split(r"(?<!\\),(?=(?:\\.|[^,=\\])+=)", text)


def parse_names(text: str) -> tuple[str, ...]:
    """Read `A,B`."""
    return tuple(filter(None, map(_plain, re.split(r"(?<!\\),", text))))


def format_column(column: str) -> str:
    """Return a column's name as it is to be typed."""
    return re.sub("[=,]", r"\\\g<0>", column)


def _plain(text: str) -> str:
    return re.sub(r"\\([=,])", r"\1", text).strip()
