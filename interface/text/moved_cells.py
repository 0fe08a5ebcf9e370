"""Tables of what a round changed: cells that moved and new confusions, for the terminal, the report and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_dml.text.figures import format_cell

if TYPE_CHECKING:
    from atlantis_dml.text.figures import Facts

_MOVED_HEADERS = ("Cell", "Queries", "R@1 before", "After", "Change", "Won", "Lost", "Seeds agree")
_CONFUSION_HEADERS = ("Queries of", "Now get", "Queries", "Before", "After", "Seeds agree")
MOVED_NOTE = (
    "A query is won if more seeds hit it after than before. Classes and facet values come first; a class at a facet "
    "value is listed only if it moved clearly more than both. The largest moves are partly luck: they show where to "
    "look, and prove nothing."
)
"""Below these tables."""


def describe_moved(moved: Facts) -> str:
    """Return how many queries were won and lost, and whether anything moved clearly."""
    unclear = "" if moved["cells"] else "; no class or facet value moved clearly"
    return (
        f"{moved['won']:,} of {count_noun(moved['queries'], 'query', 'queries')} won, {moved['lost']:,} lost, over "
        f"{count_noun(moved['seeds'], 'paired seed')}{unclear}"
    )


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]
    """Columns that are right-aligned."""


def build_moved_tables(moved: Facts) -> list[TextTable]:
    """Return the tables of moved cells and of new confusions, as far as there are any."""
    tables = [
        build_cell_table(moved["cells"], moved["seeds"]),
        build_confusion_table(moved["confusions"], moved["seeds"]),
    ]
    return [table for table in tables if table.rows]


def list_changed(cells: Sequence[Facts]) -> list[Facts]:
    """Return the cells in which a query was won or lost, those with the largest change of hits first."""
    changed = [one for one in cells if one["won"] or one["lost"]]
    return sorted(changed, key=lambda one: -abs(one["gain"]) * one["queries"])


def build_cell_table(cells: Sequence[Facts], seeds: int) -> TextTable:
    """Return the table of classes, facet values or crossings, before and after."""
    rows = (
        (
            format_cell(one) if one["class"] else f"{one['facet']}={one['value']}",
            f"{one['queries']:,}",
            f"{one['before']:.2f}",
            f"{one['after']:.2f}",
            f"{100 * one['gain']:+.1f}",
            f"{one['won']:,}",
            f"{one['lost']:,}",
            f"{one['agreeing']} of {seeds}",
        )
        for one in cells
    )
    return TextTable(_MOVED_HEADERS, tuple(rows), tuple(range(1, len(_MOVED_HEADERS))))


def build_confusion_table(confusions: Sequence[Facts], seeds: int) -> TextTable:
    """Return the table of wrong classes that come first for more queries than before."""
    rows = (
        (
            one["class"],
            one["returned"],
            f"{one['queries']:,}",
            f"{one['before']:.1f}",
            f"{one['after']:.1f}",
            f"{one['agreeing']} of {seeds}",
        )
        for one in confusions
    )
    return TextTable(_CONFUSION_HEADERS, tuple(rows), tuple(range(2, len(_CONFUSION_HEADERS))))


def format_tops(tops: Sequence[Facts]) -> str:
    """Return the classes that came first for a query, with the number of seeds if they differ."""
    names = [(one["class"] or "nothing (the training crashed)", one["seeds"]) for one in tops]
    return names[0][0] if len(names) == 1 else ", ".join(f"{name} ({seeds})" for name, seeds in names)
