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
from atlantis_core.records.run_spec import Spread
from atlantis_dml.app.request import parse_choice, parse_regime

_DATA = typer.Argument(
    metavar="DATA",
    help="A folder of class folders, a folder with metadata.csv or .jsonl, or a bundled name (`harbor`).",
    show_default=False,
)
Data = Annotated[str, _DATA]
DataOrNone = Annotated[str | None, _DATA]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A trial, a run (its final model), a safetensors file or a timm name.")
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
        "--workspace", help="Folder that stores everything; default: ATLANTIS_WORKSPACE, else ./atlantis-workspace."
    ),
]
Filters = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COL=V",
        help="Only images with this label, split, role or facet (`atlantis index` lists them); repeat it for another "
        r"column or value (write \= for = within COL).",
    ),
]
Embedding = Annotated[
    str | None,
    typer.Option(metavar="head|body", help="Which embedding to search by; body: the features below the head."),
]
Serving = Annotated[
    str | None,
    typer.Option(
        metavar="PART+PART",
        help="How embeddings are searched: csls, local_scaling, prototypes, centring, query_expansion, rerank or "
        "spread, with settings as in csls:k=30, several joined by +; default: as the run MODEL is searched, else (as "
        "with an empty text) the nearest photo.",
    ),
]
ServingPool = Annotated[
    str | None,
    typer.Option(
        "--pool", metavar="FOLDER", help="Unlabelled photos that --serving is fitted on; default: training photos."
    ),
]
Epsilon = Annotated[float | None, typer.Option(help="Largest change of a pixel's channel (0 to 255); default: 2.")]
AttackSteps = Annotated[int | None, typer.Option("--attack-steps", help="Gradient steps of pgd; default: 10.")]
Trace = Annotated[
    str | None,
    typer.Option(
        metavar="mlflow[:URL]",
        help="Export spans, figures and trials while it runs: to a database in the workspace, or to a server; "
        "default: ATLANTIS_TRACE.",
    ),
]

_SPLIT_HELP = "Metadata column with train/validation/test."
SPLIT_COLUMN = typer.Option("--split-column", metavar="COL", help=_SPLIT_HELP)
"""In place of `SHARED["split"]` where `--split` chooses splits."""
SHARED: dict[str, Any] = {
    "regime": typer.Option(
        metavar="seen|unseen",
        help="seen: queries are other images of the training classes; unseen: images of other classes.",
    ),
    "label": typer.Option(metavar="COL", help="Metadata column with the class."),
    "split": typer.Option("--split", "--split-column", metavar="COL", help=_SPLIT_HELP),
    "query": typer.Option(
        metavar="COL=V", help=r"Query only with these validation images, e.g. visit=2 (write \= for = within COL)."
    ),
    "gallery": typer.Option(
        metavar="COL=V", help=r"Search only these images, e.g. visit=1 (write \= for = within COL)."
    ),
    "facets": typer.Option(
        metavar="A,B", help=r"Metadata columns to use as facets (write \, for , within one); default: all."
    ),
    "planner": typer.Option(help="`rules`, or with a key `openai:MODEL` or `azure:DEPLOYMENT`."),
    "fallback": typer.Option(help="Chat model to ask when the planner's fails."),
    "base_url": typer.Option(help="URL of an OpenAI-compatible service."),
    "price": typer.Option(metavar="IN,OUT", help="Dollars per million input and output tokens of the chat model."),
    "budget_images": typer.Option(help="Generate at most this many images."),
    "budget_usd": typer.Option(help="Spend at most this many dollars on chat models; needs --price."),
    "rounds": typer.Option(help="Run at most this many rounds; default: 3."),
    "seeds": typer.Option(help="Trainings per compared arm to begin with; 2 or more show the spread."),
    "max_seeds": typer.Option(
        min=1, help="Trainings per arm that an unclear round may end with, added one by one; --seeds + 3 without it."
    ),
    "seed": typer.Option(help="First seed; another seed repeats the experiment."),
    "auto": typer.Option("--auto/--approve", help="Generate without asking, or ask before every round."),
    "preset": typer.Option(
        metavar="auto|best|cpu|full|unseen|harbor|hyperbolic|gpu|smoke",
        help="Recipe of the training (`atlantis presets` lists all): auto fits the backbone; best (run, chat, serve) "
        "compares recipes on held-out training images first, for at most ten minutes; full trains the whole "
        "backbone, which takes minutes; unseen does too, for unseen test classes; hyperbolic has the head and loss "
        "of Hyp-ViT; smoke takes seconds and only shows that everything works. Change settings after a ?: "
        "'cpu?steps=60&loss=proxy_anchor'.",
    ),
    "backbone": typer.Option(
        help="A timm model, `harbor-student` or `scratch`; default: a small pretrained model, if one is available."
    ),
    "weights": typer.Option(
        metavar="FILE.safetensors", help="Weights, with a .json file beside them (architecture, mean, std, input_px)."
    ),
    "captioner": typer.Option(
        help="Describes images, to find facets where DATA has none and to check generated images: attributes "
        "(measured), transformers:MODEL, or a vision chat model, openai:MODEL or azure:DEPLOYMENT."
    ),
    "vision": typer.Option(
        metavar="openai:MODEL|none",
        help="Chat model that looks at contact sheets of missed queries and new images; default: the planner's, if "
        "it takes images.",
    ),
    "generator": typer.Option(
        help="Where images come from: photometric, cut_paste, diffusion:MODEL or retrieve:FOLDER."
    ),
    "scorer": typer.Option(help="Scores how unlike its class a generated image is; outliers are rejected."),
    "masks": typer.Option(
        metavar="FOLDER",
        help="Masks (white is object) named like their photos, for objects that are cut out: by the remedy paste, or "
        "--generator cut_paste.",
    ),
    "pool": typer.Option(
        metavar="FOLDER", help="Unlabelled photos to learn from: pseudo-labels, and questions with --answers."
    ),
    "remedies": typer.Option(
        metavar="A,B", help="What a run may try, such as generate,serve; default: every remedy that fits."
    ),
    "answers": typer.Option(
        metavar="FILE.csv",
        help="Answers about photos of the pool (path,label and perhaps who,when), in place of a person.",
    ),
    "memory": typer.Option(
        "--memory/--no-memory", help="Choose remedies by what earlier runs on the same collection found, too."
    ),
    "questions": typer.Option(help="Ask about at most this many photos of the pool."),
    "spread": typer.Option(
        metavar="targeted|thompson|deficit|balanced|uniform",
        help="How images are shared out: at the worst gaps; over groups of gaps by what pilots gave; by deficit; to "
        "fill up cells with few images; over all cells (the last two pilot nothing: control arms).",
    ),
    "attack": typer.Option(
        metavar="fgsm|pgd", help="The queries are attacked; default: what the goal's words say, else they are not."
    ),
    "epsilon": typer.Option(help="Largest change of a pixel's channel (0 to 255) by --attack; default: 2."),
}
"""Field of `RunOptions` -> its option."""


def parse_column_value(text: str | None, option: str) -> tuple[str, str] | None:
    r"""Read `COL=V`, with `\=` for an equals sign in COL.

    Raises:
        SetupError: There is no `=`, or one side is empty.
    """
    if text is None:
        return None
    found = column_syntax.parse_column_value(text)
    if found is None:
        raise SetupError(f"{option} {text!r} is not COL=V; write it like {option} visit=2")
    return found


def parse_remedies(text: str | None) -> tuple[str, ...] | None:
    """Return the remedies that a run may use; None means all.

    Raises:
        SetupError: An unknown name.
    """
    from atlantis_core.run.remedies import REMEDIES

    names = tuple(filter(None, (name.strip() for name in (text or "").split(","))))
    if unknown := [name for name in names if name not in REMEDIES]:
        raise SetupError(f"unknown remedy {unknown[0]!r}; known: {', '.join(REMEDIES)}")
    return names or None


def parse_facets(text: str | None) -> tuple[str, ...] | None:
    r"""Read `A,B`, with `\,` for a comma in a name.

    Raises:
        SetupError: It contains no name.
    """
    if text is None:
        return None
    names = column_syntax.parse_names(text)
    if not names:
        raise SetupError(f"--facets {text!r} names no column; write it like --facets lighting,visit")
    return names or None


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
    "remedies": parse_remedies,
    "price": parse_price,
    "spread": partial(parse_choice, option="--spread", choices=Spread),
}
"""Field of `RunOptions` -> parser of the text that is typed for it; typer reads the others itself."""
