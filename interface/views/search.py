"""What the search commands print; names of images, classes and facets are cleaned, for they come from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from atlantis_core.base.text import clean_text
from atlantis_core.data.column_syntax import format_column
from atlantis_core.searching.filters import BUILTIN_COLUMNS
from atlantis_dml.app.command_lines import join_shell_line
from atlantis_dml.app.output import say

_LONGEST = 2000


def _line(text: str) -> None:
    typer.echo(clean_text(text, _LONGEST))


def show_indexed(found: dict[str, Any], workspace: Path | None) -> None:
    """Print what a filling did in a workspace, as typed."""
    changes = [f"{found['added']} added", f"{found['there']} were there"]
    changes += [f"{found[what]} {what}" for what in ("refreshed", "removed") if found[what]]
    _line(f"{found['index']}: {found['images']} images ({', '.join(changes)}) in {found['seconds']:.1f} s")
    if found["recall_at_10"] is not None:
        _line(f"of the 10 truly nearest images it finds {found['recall_at_10']:.1%}")
    if found["sealed"]:
        say(f"{found['sealed']} test images are sealed and not in it")
    _line(f"--where takes {', '.join(map(format_column, dict.fromkeys((*found['facets'], *BUILTIN_COLUMNS))))}")
    _line(f"next: {join_shell_line(('search', found['index'], 'IMAGE'), {'--workspace': workspace})}")


def show_hits(found: dict[str, Any]) -> None:
    """Print hits, a line each, nearest first."""
    if not found["results"]:
        say("no image of the index meets the filter")
    for rank, hit in enumerate(found["results"], start=1):
        facets = ", ".join(f"{name}={value}" for name, value in hit["facets"].items())
        facts = "  ".join(part for part in (hit["label"], hit["split"], facets) if part)
        _line(f"{rank:>3} {hit['distance']:.4f}  {facts}  {hit['path'] or 'file not known here'}  [{hit['id']}]")


def show_indexes(found: dict[str, Any]) -> None:
    """Print indexes, a line each."""
    for line in found["damaged"]:
        say(line)
    if not found["indexes"]:
        say("no index in this workspace; `atlantis index MODEL DATA` makes one")
    for one in found["indexes"]:
        state = "" if one["complete"] else " (cut off; the same `atlantis index` goes on)"
        recall = "" if one["recall_at_10"] is None else f", recall@10 {one['recall_at_10']:.3f}"
        place = f", at {one['server']}" if one["server"] else ""
        _line(f"{one['index']}: {one['images']} images by {one['made_by']}{recall}{place}{state}")


def show_removed(found: dict[str, Any]) -> None:
    """Print what was taken out."""
    if found["gone"]:
        _line(f"{found['index']} is gone ({found['removed']} images); the files stay")
    else:
        _line(f"{found['index']}: {found['removed']} images taken out, {found['images']} left")
