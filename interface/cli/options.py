"""Arguments and options that several commands share, and how the texts of some are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from atlantis_core.base.errors import SetupError
from atlantis_core.data import column_syntax
from atlantis_core.records import Price
from atlantis_dml.app.request import Spread, parse_choice, parse_regime

_DATA = typer.Argument(
    metavar="DATA",
    help="A folder of class folders, a folder with metadata.csv or .jsonl, or a bundled name (`harbor`).",
    show_default=False,
)
Data = Annotated[str, _DATA]
DataOrNone = Annotated[str | None, _DATA]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A trial, a run (its final model), a safetensors file, a timm name.")
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, its first characters, or `last`.", show_default=False)
]
IndexName = Annotated[
    str, typer.Argument(metavar="INDEX", help="An index's name (`atlantis indexes`) or folder.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, everything else on stderr.")]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option(
        "--workspace", help="Folder that keeps everything; else ATLANTIS_WORKSPACE, else ./atlantis-workspace."
    ),
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
Embedding = Annotated[
    str | None, typer.Option(metavar="head|body", help="What is searched by; body: features below the head.")
]
Epsilon = Annotated[float | None, typer.Option(help="Most change of a pixel's channel, of 0..255; else 2.")]
AttackSteps = Annotated[int | None, typer.Option("--attack-steps", help="Gradients of pgd; else 10.")]
Trace = Annotated[
    str | None,
    typer.Option(
        metavar="mlflow[:URL]",
        help="Export spans, figures and trials while it runs: to a database in the workspace, or to a server; "
        "else ATLANTIS_TRACE.",
    ),
]

_SPLIT_HELP = "Metadata column with train/validation/test."
SPLIT_COLUMN = typer.Option("--split-column", metavar="COL", help=_SPLIT_HELP)
"""In place of `SHARED["split"]` where `--split` chooses splits."""
SHARED: dict[str, Any] = {
    "regime": typer.Option(
        metavar="seen|unseen", help="seen: the same classes, other images; unseen: other classes."
    ),
    "label": typer.Option(metavar="COL", help="Metadata column with the class."),
    "split": typer.Option("--split", "--split-column", metavar="COL", help=_SPLIT_HELP),
    "query": typer.Option(metavar="COL=V", help=r"Only these validation images ask, e.g. visit=2 (\= within COL)."),
    "gallery": typer.Option(metavar="COL=V", help=r"Only these images are searched, e.g. visit=1 (\= within COL)."),
    "facets": typer.Option(metavar="A,B", help=r"Metadata columns to take as facets (\, within one); else all."),
    "planner": typer.Option(help="`rules`, or with a key `openai:MODEL` or `azure:DEPLOYMENT`."),
    "fallback": typer.Option(help="Chat model that answers where the planner's fails."),
    "base_url": typer.Option(help="Where an OpenAI-compatible service answers."),
    "price": typer.Option(metavar="IN,OUT", help="Dollars per million tokens into and out of the chat model."),
    "budget_images": typer.Option(help="Make at most so many images."),
    "budget_usd": typer.Option(help="Stop calling the chat model after so many dollars; needs --price."),
    "rounds": typer.Option(help="At most so many rounds; else 2."),
    "seeds": typer.Option(help="Trainings per arm that are compared; 2 or more show their spread."),
    "seed": typer.Option(help="First seed; another one repeats the experiment."),
    "auto": typer.Option("--auto/--approve", help="Spend without asking, or ask before every round."),
    "preset": typer.Option(
        metavar="auto|cpu|full|unseen|harbor|hyperbolic|gpu|smoke",
        help="How trainings are sized (`atlantis presets` lists all): auto suits the backbone; full trains the whole "
        "trunk for minutes, unseen too, for classes that are not trained on; hyperbolic has Hyp-ViT's head and loss; "
        "smoke is seconds long and only shows that all works. Settings may be changed behind it: "
        "'cpu?steps=60&loss=proxy_anchor'.",
    ),
    "backbone": typer.Option(
        help="A timm model, `harbor-student` or `scratch`; else a small pretrained one if there is."
    ),
    "weights": typer.Option(
        metavar="FILE.safetensors", help="Weights with a .json beside them (architecture, mean, std)."
    ),
    "captioner": typer.Option(
        help="Describes images, which gives facets where none are, and checks made ones: attributes (measured), "
        "transformers:MODEL, or openai:MODEL or azure:DEPLOYMENT, a vision chat model."
    ),
    "generator": typer.Option(help="Makes the images: photometric, diffusion:MODEL, or retrieve:FOLDER."),
    "scorer": typer.Option(help="Finds made images that are off."),
    "spread": typer.Option(metavar="targeted|uniform", help="uniform: the control arm of docs/results.md."),
}
"""Field of `RunOptions` -> its option."""


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


def parse_facets(text: str | None) -> tuple[str, ...] | None:
    r"""Read `A,B`, `\,` for a sign of a column's own.

    Raises:
        SetupError: No name is in it.
    """
    if text is None:
        return None
    names = column_syntax.parse_names(text)
    if not names:
        raise SetupError(f"--facets {text!r} names no column; write it like --facets lighting,visit")
    return names


def parse_price(text: str | None) -> Price | None:
    """Read `IN,OUT`: dollars per million input and output tokens.

    Raises:
        SetupError: It is not two numbers from 0.
    """
    if text is None:
        return None
    try:
        into, out = (float(part) for part in text.split(","))
    except ValueError:
        into = out = -1.0
    if not (0 <= into < math.inf and 0 <= out < math.inf):
        raise SetupError(f"--price {text!r} is not two numbers from 0, such as --price 0.25,2")
    return Price(into, out)


PARSERS: dict[str, Callable[[Any], Any]] = {
    "regime": parse_regime,
    "query": partial(parse_column_value, option="--query"),
    "gallery": partial(parse_column_value, option="--gallery"),
    "facets": parse_facets,
    "price": parse_price,
    "spread": partial(parse_choice, option="--spread", choices=Spread),
}
"""Field of `RunOptions` that is typed as a text -> what reads it; the other options are typed as what they are."""
