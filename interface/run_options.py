"""Options that only `atlantis run` has: the goal, the budget, and who plans, makes and judges."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from atlantis_core.errors import SetupError

GoalText = Annotated[
    str, typer.Option("--goal", help="What should be found better, in plain words.", show_default=False)
]
PlannerName = Annotated[str, typer.Option("--planner", help="`rules`, or `openai:MODEL` with a key.")]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Where an OpenAI-compatible service answers.")]
BudgetImages = Annotated[int | None, typer.Option("--budget-images", help="Make at most so many images.")]
BudgetUsd = Annotated[
    float | None,
    typer.Option("--budget-usd", help="Stop calling the chat model after so many dollars; needs --price."),
]
Price = Annotated[
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


def spread(text: str) -> Literal["targeted", "uniform"]:
    """Return a way to spread images over cells, by name.

    Raises:
        SetupError: There is no such way.
    """
    found: Literal["targeted", "uniform"]
    for found in ("targeted", "uniform"):
        if text == found:
            return found
    raise SetupError(f"unknown --spread {text!r}; known: targeted, uniform")


def price(text: str | None) -> tuple[float, float] | None:
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
    if not (into >= 0 and out >= 0):
        raise SetupError(f"--price {text!r} is not two numbers from 0, such as --price 0.25,2")
    return into, out
