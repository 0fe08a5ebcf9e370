r"""Columns and values as a person types them: `COL=V` and `A,B`.

The first `=` separates column and value. `\=` and `\,` stand for the characters themselves: `focal\=35=yes` is the
value `yes` of the column `focal=35`.
"""

from __future__ import annotations

import re


def parse_column_value(text: str) -> tuple[str, str] | None:
    """Parse `COL=V`; return None if the text has another form."""
    column, *rest = re.split(r"(?<!\\)=", text, maxsplit=1)
    found = _unescape(column), _unescape("".join(rest))
    return found if all(found) else None


def parse_column_values(text: str) -> list[str]:
    """Split `COL=V,COL=V`: a comma separates only before the next `COL=`, others belong to the value."""
    return re.split(r"(?<!\\),(?=(?:\\.|[^,=\\])+=)", text)


def parse_names(text: str) -> tuple[str, ...]:
    """Parse `A,B`."""
    return tuple(filter(None, map(_unescape, re.split(r"(?<!\\),", text))))


def format_column(column: str) -> str:
    """Return a column's name escaped for typing."""
    return re.sub("[=,]", r"\\\g<0>", column)


def _unescape(text: str) -> str:
    return re.sub(r"\\([=,])", r"\1", text).strip()
