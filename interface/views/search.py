"""Output of the search commands. Names from collections are untrusted, so they are cleaned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text
from atlantis_core.data.column_syntax import format_column
from atlantis_core.searching.filters import BUILTIN_COLUMNS
from atlantis_dml.text.command_lines import join_shell_line

_LONGEST = 2000


def _line(text: str, *, err: bool = False) -> None:
    typer.echo(clean_text(text, _LONGEST), err=err)


def show_indexed(found: dict[str, Any], workspace: Path | None) -> None:
    """Print what `atlantis index` changed."""
    changes = [f"{found['added']} added", f"{found['there']} already there"]
    changes += [f"{found[what]} {what}" for what in ("refreshed", "removed") if found[what]]
    _line(
        f"{found['index']}: {count_noun(found['images'], 'image')} ({', '.join(changes)}) in {found['seconds']:.1f} s"
    )
    if found["recall_at_10"] is not None:
        _line(f"finds {found['recall_at_10']:.1%} of the 10 exact nearest neighbours")
    if found["serving"]:
        _line(f"searched with the serving {found['serving']}")
    if found["other_label"]:
        _line(
            f"{count_noun(found['other_label'], 'image')} of another label in another collection of this index: each "
            "photo is there once, with its first label; another --name makes a separate index",
            err=True,
        )
    if found["sealed"]:
        _line(f"{found['sealed']} test images are sealed and not indexed", err=True)
    _line(
        f"columns for --where: {', '.join(map(format_column, dict.fromkeys((*found['facets'], *BUILTIN_COLUMNS))))}"
    )
    _line(f"next: {join_shell_line(('search', found['index'], 'IMAGE'), {'--workspace': workspace})}")


def show_hits(found: dict[str, Any]) -> None:
    """Print one line per hit, nearest first."""
    if not found["results"]:
        empty = "the index is empty; `atlantis index` fills it"
        _line("no image of the index matches the filters" if found["where"] else empty, err=True)
    for rank, hit in enumerate(found["results"], start=1):
        facets = ", ".join(f"{name}={value}" for name, value in hit["facets"].items())
        facts = "  ".join(part for part in (hit["label"], hit["split"], facets) if part)
        state = f"  ({hit['file_state']})" if hit["file_state"] else ""
        _line(f"{rank:>3} {hit['distance']:.4f}  {facts}  {hit['path'] or 'file unknown here'}{state}  [{hit['id']}]")
    odd = [hit for hit in found["results"] if hit["file_state"]]
    if odd:
        _line(
            f"{count_noun(len(odd), 'file')} changed or missing since it was indexed, the first {odd[0]['path']!r}: "
            "run the same `atlantis index` again",
            err=True,
        )


def show_indexes(found: dict[str, Any]) -> None:
    """Print one line per index."""
    for line in found["damaged"]:
        _line(line, err=True)
    if not found["indexes"]:
        _line("no index in this workspace; build one with `atlantis index MODEL DATA`", err=True)
    for one in found["indexes"]:
        state = "" if one["complete"] else " (incomplete; run the same `atlantis index` again to finish it)"
        recall = "" if one["recall_at_10"] is None else f", recall@10 {one['recall_at_10']:.3f}"
        place = f", at {one['server']}" if one["server"] else ""
        _line(f"{one['index']}: {count_noun(one['images'], 'image')} by {one['made_by']}{recall}{place}{state}")


def show_removed(found: dict[str, Any]) -> None:
    """Print what was removed from an index."""
    if found["gone"]:
        _line(f"{found['index']} was deleted ({count_noun(found['removed'], 'image')}); the image files stay")
    else:
        _line(f"{found['index']}: {count_noun(found['removed'], 'image')} removed, {found['images']} left")
