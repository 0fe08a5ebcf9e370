"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlantis_core.base.errors import SetupError
from atlantis_core.data import column_syntax

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, everything else on stderr.")]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option(
        "--workspace", help="Folder that keeps everything; else ATLANTIS_WORKSPACE, else ./atlantis-workspace."
    ),
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, its first characters, or `last`.", show_default=False)
]
Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder of class folders, a folder with metadata.csv or .jsonl, or a bundled name (`harbor`).",
        show_default=False,
    ),
]
DataOrNone = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="A folder of class folders, a folder with metadata.csv or .jsonl, or a bundled name (`harbor`).",
        show_default=False,
    ),
]
LabelColumn = Annotated[str | None, typer.Option("--label", metavar="COL", help="Metadata column with the class.")]
SplitColumn = Annotated[
    str | None,
    typer.Option("--split", "--split-column", metavar="COL", help="Metadata column with train/validation/test."),
]
FacetColumns = Annotated[
    str | None,
    typer.Option("--facets", metavar="A,B", help=r"Metadata columns to take as facets (\, within one); else all."),
]
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        metavar="auto|cpu|full|unseen|harbor|hyperbolic|gpu|smoke",
        help="How trainings are sized (`atlantis presets` lists all): auto suits the backbone; full trains the whole "
        "trunk for minutes, unseen too, for classes that are not trained on; hyperbolic has Hyp-ViT's head and loss; "
        "smoke is seconds long and only shows that all works. Settings may be changed behind it: "
        "'cpu?steps=60&loss=proxy_anchor'.",
    ),
]
Query = Annotated[
    str | None,
    typer.Option("--query", metavar="COL=V", help=r"Only these validation images ask, e.g. visit=2 (\= within COL)."),
]
Gallery = Annotated[
    str | None,
    typer.Option("--gallery", metavar="COL=V", help=r"Only these images are searched, e.g. visit=1 (\= within COL)."),
]
RegimeName = Annotated[
    str,
    typer.Option(
        "--regime", metavar="seen|unseen", help="seen: the same classes, other images; unseen: other classes."
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone", help="A timm model, `harbor-student` or `scratch`; else a small pretrained one if there is."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="FILE.safetensors", help="Weights with a .json beside them (architecture, mean, std)."
    ),
]
CaptionerName = Annotated[
    str,
    typer.Option(
        "--captioner",
        help="Describes images, which gives facets where none are, and checks made ones: attributes (measured), "
        "transformers:MODEL, or openai:MODEL or azure:DEPLOYMENT, a vision chat model.",
    ),
]


IndexName = Annotated[
    str, typer.Argument(metavar="INDEX", help="An index's name (`atlantis indexes`) or folder.", show_default=False)
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COL=V",
        help="Only images with this label, split, role or facet (`atlantis index` lists them); again for another "
        r"column, or another value (\= within COL).",
    ),
]


def parse_column_value(text: str | None, option: str) -> tuple[str, str] | None:
    r"""Read `COL=V`, `\=` for a sign of the column's own.

    Raises:
        SetupError: There is no `=`, or one side is empty.
    """
    if text is None:
        return None
    found = column_syntax.parse_column_value(text)
    if found is None:
        raise SetupError(f"{option} {text!r} is not COL=V; write it like {option} visit=2")
    return found


def parse_columns(text: str | None, option: str) -> tuple[str, ...] | None:
    r"""Read `A,B`, `\,` for a sign of a column's own.

    Raises:
        SetupError: No name is in it.
    """
    if text is None:
        return None
    names = column_syntax.parse_names(text)
    if not names:
        raise SetupError(f"{option} {text!r} names no column; write it like {option} lighting,visit")
    return names
