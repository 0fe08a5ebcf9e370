"""What the commands of `atlantis scenario` share: arguments, and how the result is printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_dml.app.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.importing.collection_writer import ImportResult

Destination = Annotated[Path, typer.Argument(metavar="DEST", help="A new folder; its photos are links.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of random choices.")]


def show_scenario(
    written: ImportResult,
    story: dict[str, Any],
    workspace: Path | None,
    as_json: bool,
    then: Sequence[str] = ("train",),
) -> None:
    """Print what was written, and the next command, of which `then` are the words up to DEST."""
    from atlantis_core.base.text import clean_text
    from atlantis_dml.text.command_lines import join_shell_line

    facts = {
        **story,
        "folder": str(written.folder),
        "images": written.images,
        "classes": written.classes,
        "splits": {name: count for name, count in written.splits.items() if name},
        "regime": "unseen" if written.unseen else "seen",
        "linked": written.linked,
    }
    if as_json:
        print_json(facts)
        return
    typer.echo(clean_text(f"{written.images:,} photos of {written.classes:,} classes in {written.folder}", 2000))
    typer.echo(f"splits: {_join_splits(facts['splits'])} (before: {_join_splits(story['before']['splits'])})")
    for note in written.notes:
        say(note)
    given = {"--regime": "unseen" if written.unseen else None, "--workspace": workspace}
    typer.echo(clean_text(f"next: {join_shell_line((*then, written.folder), given)}", 2000))


def _join_splits(splits: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in splits.items())
