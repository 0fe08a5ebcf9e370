"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.text import clean_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


def stdout_console() -> Console:
    """Return a console on stdout; files and pipes get lines wide enough for tables."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def build_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Table:
    """Return a plain table of untrusted text; `right` lists the right-aligned columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    built = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, header in enumerate(headers):
        built.add_column(header, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        built.add_row(*[clean_cell(cell) for cell in row])
    return built


def clean_cell(text: str) -> Text:
    """Return text without markup and control characters."""
    from rich.text import Text

    return Text(clean_text(text, 600))
