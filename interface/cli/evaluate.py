"""`atlantis evaluate`: measures a model on validation queries."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import print_json
from atlantis_dml.app.request import TaskOptions
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command("regime label split query gallery facets", split=options.SPLIT_COLUMN)
def evaluate(
    *,
    model: options.Model,
    data: options.Data,
    split_name: Annotated[
        str, typer.Option("--split", help="Only `validation`: the test split is opened once, by `atlantis test`.")
    ] = "validation",
    given: TaskOptions,
    at: Annotated[str, typer.Option(metavar="K,K", help="The values of K in Recall@K.")] = "1,2,4,8",
    embedding: options.Embedding = None,
    distance: Annotated[
        str,
        typer.Option(metavar="auto|cosine|euclidean|hyperbolic:C", help="auto: what MODEL was trained for."),
    ] = "auto",
    leave_out: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Exclude gallery images with the query's own value (visit, camera, object)."
        ),
    ] = None,
    junk: Annotated[
        str | None,
        typer.Option(metavar="COL", help="The same, but only images of the query's class, as in re-identification."),
    ] = None,
    with_nmi: Annotated[
        bool, typer.Option("--nmi", help="Also cluster all images and compare the clusters with the classes.")
    ] = False,
    attack: Annotated[
        str | None, typer.Option(metavar="fgsm|pgd", help="Also measure with adversarially attacked queries.")
    ] = None,
    epsilon: options.Epsilon = None,
    attack_steps: options.AttackSteps = None,
    attack_aim: Annotated[
        str | None,
        typer.Option(
            metavar="wrong|away",
            help="wrong (default): to the nearest image of another class; away: away from its own (pgd, untargeted).",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of pgd's random starts; default: 0.")] = None,
    serving: options.Serving = "",
    pool: options.ServingPool = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Measure MODEL on the validation queries of DATA.

    Example: atlantis evaluate last photos/ --query visit=2

    Under attack: atlantis evaluate last photos/ --attack pgd --epsilon 2

    Searched by class means without hubs: atlantis evaluate last photos/ --serving csls+prototypes --pool unsorted/
    """
    from atlantis_core.workflows.evaluate import EvaluationRequest
    from atlantis_dml.app.evaluate import Subject, check_split, evaluate_model, parse_attack
    from atlantis_dml.views.measurements import show_evaluation

    check_split(split_name)
    strength = {"epsilon": epsilon, "attack-steps": attack_steps, "attack-aim": attack_aim, "seed": seed}
    request = EvaluationRequest(
        _parse_numbers(at),
        distance,
        leave_out,
        with_nmi,
        parse_attack(attack, strength),
        "wrong" if attack_aim is None else attack_aim,
        junk,
        serving=serving,
    )
    found = evaluate_model(Subject(model, data, given, embedding), request, workspace, pool)
    print_json(found) if as_json else show_evaluation(found)


def _parse_numbers(text: str) -> tuple[int, ...]:
    """Read `1,10,100`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdecimal() and int(part) for part in parts):
        raise SetupError(f"--at {text!r} is not a list of whole numbers from 1 up; write it like --at 1,10,100")
    return tuple(sorted({int(part) for part in parts}))
