"""`atlantis import`: converts a benchmark, class folders or a hub dataset to a folder that all commands read.

The file is not called `import.py`, since `import` is a keyword.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_dml.app.output import print_json, say
from atlantis_dml.app.request import parse_choice
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def import_collection(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="cub|cars196|sop|inshop|folder|hf",
            help="What SRC is: CUB-200-2011, Cars196, Stanford Online Products, In-Shop, class folders, or a Hugging "
            "Face dataset (imagefolder or parquet).",
        ),
    ],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The unpacked original.")],
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A new folder.")],
    split: Annotated[
        str,
        typer.Option(
            metavar="given|zero-shot",
            help="given: the original splits; zero-shot: test on unseen classes (CUB 100/100, Cars196 98/98).",
        ),
    ] = "given",
    label: Annotated[str | None, typer.Option(metavar="COL", help="Column with the class, for `hf`.")] = None,
    as_json: options.Json = False,
) -> None:
    """Convert the collection in SRC to the folder DEST.

    DEST gets the photos (links where possible) and a metadata.csv; SRC is not changed.

    Example: atlantis import cub CUB_200_2011 cub --split zero-shot
    """
    from atlantis_core.importing.import_collection import import_dataset
    from atlantis_core.importing.import_plan import ImportOptions, SplitChoice
    from atlantis_dml.app.progress import open_stderr_screen

    with open_stderr_screen() as screen:
        wanted = ImportOptions(parse_choice(split, "--split", SplitChoice), label)
        found = import_dataset(kind, source, destination, wanted, screen.progress)
    facts = {
        "folder": str(found.folder),
        "images": found.images,
        "classes": found.classes,
        "splits": {name: count for name, count in found.splits.items() if name},
        "columns": list(found.columns),
        "regime": "unseen" if found.unseen else "seen",
        "linked": found.linked,
        "left_out": [{"path": problem.path, "problem": problem.problem} for problem in found.left_out],
        "notes": list(found.notes),
    }
    print_json(facts) if as_json else _show(facts)


def _show(facts: dict[str, Any]) -> None:
    from atlantis_core.base.text import clean_text
    from atlantis_dml.text.command_lines import join_shell_line

    splits = ", ".join(f"{name} {count:,}" for name, count in facts["splits"].items())
    is_split_later = splits and "validation" not in facts["splits"]
    later = "; validation is taken out of train when the collection is read" if is_split_later else ""
    for line in (
        f"{facts['images']:,} photos of {facts['classes']:,} classes in {facts['folder']}",
        f"splits: {splits or 'none given; they are drawn when the collection is read'}{later}",
        f"other columns: {', '.join(facts['columns']) or 'none'}",
    ):
        typer.echo(clean_text(line, 2000))
    for note in facts["notes"]:
        say(note)
    regime = facts["regime"] if facts["regime"] == "unseen" else None
    then = join_shell_line(("diagnose", facts["folder"]), {"--regime": regime})
    typer.echo(clean_text(f"next: {then}", 2000))
