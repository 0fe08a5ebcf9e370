"""The role of a metadata row in retrieval, from `role` or from the flags of open-metric-learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atlantis_core.base.text import LONGEST_VALUE, clean_text
from atlantis_core.data.label_checks import MISSING_WORDS
from atlantis_core.records import Role, Split

ROLE_COLUMN = "role"
FLAG_COLUMNS = ("is_query", "is_gallery")
"""Columns of open-metric-learning; `--query` can name them, but they are not facets."""
_ROLES: Mapping[str, Role] = {"": "both", "both": "both", "query": "query", "gallery": "gallery", "train": "train"}
_FLAGS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "f", "n"), False),
    **dict.fromkeys(("", *MISSING_WORDS)),
}


@dataclass(frozen=True, slots=True)
class RoleColumns:
    """The columns that give the role; all None if no column does."""

    role: str | None = None
    is_query: str | None = None
    is_gallery: str | None = None


def choose_role_columns(header: Sequence[str]) -> RoleColumns:
    """Find the columns with the role: `role`, else `is_query` and `is_gallery`."""
    by_name = {name.strip().lower(): name for name in reversed(header)}
    if ROLE_COLUMN in by_name:
        return RoleColumns(role=by_name[ROLE_COLUMN])
    return RoleColumns(None, *(by_name.get(flag) for flag in FLAG_COLUMNS))


def parse_role(row: Mapping[str, str], columns: RoleColumns, split: Split | None) -> tuple[Role, str]:
    """Return the role of a row, and why it is unknown (empty if it is known).

    A missing flag (also in words, such as `None`) counts as true. An image with both flags false is neither query nor
    gallery (`train`); a training image is then `both`, because the flags are about held-out images.
    """
    if columns.role is not None:
        role = _ROLES.get(row[columns.role].strip().lower())
        reason = f"unknown role: {_show(row[columns.role])} (query, gallery, both or train)"
        return (role, "") if role else ("both", reason)
    flags: list[bool | None] = []
    for column in (columns.is_query, columns.is_gallery):
        cell = row[column].strip().lower() if column else ""
        if cell not in _FLAGS:
            return "both", f"unknown role: {column} is {_show(cell)} (true or false)"
        flags.append(_FLAGS[cell])
    return _role_of_flags(flags[0], flags[1], split), ""


def _role_of_flags(query: bool | None, gallery: bool | None, split: Split | None) -> Role:
    if query is not False:
        return "query" if gallery is False else "both"
    if gallery is not False:
        return "gallery"
    return "both" if split == "train" else "train"


def _show(cell: str) -> str:
    return repr(clean_text(cell, LONGEST_VALUE))
