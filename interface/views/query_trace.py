"""The queries that a round won and lost, on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.text import clean_text
from atlantis_dml.text.moved_cells import (
    MOVED_NOTE,
    TextTable,
    build_cell_table,
    build_confusion_table,
    describe_moved,
    format_tops,
    list_changed,
)
from atlantis_dml.views.tables import build_table, stdout_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from atlantis_dml.text.figures import Facts

_MOST_CLASSES, _MOST_VALUES, _MOST_QUERIES = 15, 15, 12
_LONGEST = 600
_QUERY_HEADERS = ("Query", "Class", "Hits before", "After", "First before", "First after")


def show_query_trace(found: Facts) -> None:
    """Print what a judged round won and lost: cells, new confusions, then the queries."""
    console, seeds = stdout_console(), found["seeds"]
    outcome = "kept" if found["kept"] else "rolled back"
    head = f"Round {found['round']} of run {found['run_id']}, {found['remedy']}, {outcome}: {found['reason']}"
    for line in (head, f"{describe_moved(found)}."):
        console.print(clean_text(line, _LONGEST), markup=False, soft_wrap=True)
    _show(console, "Moved most:", build_cell_table(found["cells"], seeds))
    _show(console, "New confusions:", build_confusion_table(found["confusions"], seeds))
    for name, most in (("class", _MOST_CLASSES), ("value", _MOST_VALUES)):
        changed = list_changed(found[f"by_{name}"])
        title = f"By {'facet value' if name == 'value' else name}{_count_more(len(changed), most)}:"
        _show(console, title, build_cell_table(changed[:most], seeds))
    for name in ("won", "lost"):
        queries = found[f"{name}_queries"]
        title = f"Queries {name}{_count_more(len(queries), _MOST_QUERIES)}:"
        _show(console, title, _list_queries(queries[:_MOST_QUERIES], seeds))
    console.print(MOVED_NOTE, markup=False)
    if "page" in found:
        console.print(f"written: {found['page']}", markup=False, soft_wrap=True)


def _show(console: Console, title: str, table: TextTable) -> None:
    """Print a table under a title; nothing if it has no row."""
    if table.rows:
        console.print(title, markup=False)
        console.print(build_table(table.headers, table.rows, right=table.numbers))


def _count_more(count: int, most: int) -> str:
    return f", {most} of {count:,} (all with --json)" if count > most else ""


def _list_queries(queries: Sequence[Facts], seeds: int) -> TextTable:
    rows = tuple(
        (
            Path(one["path"]).name,
            ", ".join([one["class"], *(f"{name}={value}" for name, value in sorted(one["facets"].items()))]),
            f"{one['hits_before']} of {seeds}",
            f"{one['hits_after']} of {seeds}",
            format_tops(one["top_before"]),
            format_tops(one["top_after"]),
        )
        for one in queries
    )
    return TextTable(_QUERY_HEADERS, rows, (2, 3))
