"""Markdown for cards and reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from atlantis_core.base.text import clean_text

_LONGEST = 120


def code_span(text: object) -> str:
    """Return untrusted text as a Markdown code span that is safe in a table."""
    harmless = clean_text(str(text), _LONGEST).replace("`", "'").replace("|", "/")
    return f"`{harmless or ' '}`"


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are not escaped."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
