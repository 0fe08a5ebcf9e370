"""Options that only `atlantis run` has: the goal, the budget, and who plans, makes and judges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import typer

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Price

GoalOrNone = Annotated[
    str | None, typer.Option("--goal", help="What should be found better, in plain words.", show_default=False)
]
PlannerName = Annotated[
    str, typer.Option("--planner", help="`rules`, or with a key `openai:MODEL` or `azure:DEPLOYMENT`.")
]
Fallback = Annotated[
    str | None, typer.Option("--fallback", help="Chat model that answers where the planner's fails.")
]
Replay = Annotated[
    str | None,
    typer.Option("--replay", help="A run, or a file of `atlantis record`: the same decisions, without a key."),
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where an OpenAI-compatible service answers.")]
BudgetImages = Annotated[int | None, typer.Option("--budget-images", help="Make at most so many images.")]
BudgetUsd = Annotated[
    float | None,
    typer.Option("--budget-usd", help="Stop calling the chat model after so many dollars; needs --price."),
]
PriceText = Annotated[
    str | None,
    typer.Option("--price", metavar="IN,OUT", help="Dollars per million tokens into and out of the chat model."),
]
Rounds = Annotated[int | None, typer.Option("--rounds", help="At most so many rounds; else 2.")]
Seeds = Annotated[
    int, typer.Option("--seeds", help="Trainings per arm that are compared; 2 or more show their spread.")
]
Auto = Annotated[bool, typer.Option("--auto/--approve", help="Spend without asking, or ask before every round.")]
GeneratorName = Annotated[
    str, typer.Option("--generator", help="Makes the images: photometric, diffusion:MODEL, or retrieve:FOLDER.")
]
ScorerName = Annotated[str, typer.Option("--scorer", help="Finds made images that are off.")]
Spread = Annotated[
    str, typer.Option("--spread", metavar="targeted|uniform", help="uniform: the control arm of docs/results.md.")
]
Seed = Annotated[int, typer.Option("--seed", help="First seed; another one repeats the experiment.")]

Trace = Annotated[
    str | None,
    typer.Option(
        "--trace",
        metavar="mlflow[:URL]",
        help="Export spans, figures and trials while it runs: to a database in the workspace, or to a server; "
        "else ATLANTIS_TRACE.",
    ),
]


def require_option(given: str | None, name: str) -> str:
    """Return what only `--replay` may leave out.

    Raises:
        SetupError: It was left out.
    """
    if given is None:
        raise SetupError(f"{name} is missing; e.g. atlantis run photos/ --goal 'night photos are not found' --auto")
    return given


def refuse_beside_replay(given: Mapping[str, object]) -> None:
    """Refuse options that a replay would not follow.

    Raises:
        SetupError: Names the first.
    """
    named = [option for option, value in given.items() if value is not None]
    if named:
        raise SetupError(
            f"--replay repeats a run as it was, so {named[0]} cannot change it; leave it out, or run anew"
        )


def parse_spread(text: str) -> Literal["targeted", "uniform"]:
    """Return a way to spread images over cells, by name.

    Raises:
        SetupError: There is no such way.
    """
    found: Literal["targeted", "uniform"]
    for found in ("targeted", "uniform"):
        if text == found:
            return found
    raise SetupError(f"unknown --spread {text!r}; known: targeted, uniform")


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
