"""`atlantis diagnose` and `evaluate`: measuring without making an image."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, report_errors
from atlantis_dml.app.request import parse_regime
from atlantis_dml.cli import evaluate_options, options


def evaluate(
    model: evaluate_options.Model,
    data: options.Data,
    split: Annotated[
        str, typer.Option("--split", help="Only `validation`: the test split opens once, by `atlantis test`.")
    ] = "validation",
    regime: options.RegimeName = "seen",
    label: options.LabelColumn = None,
    split_column: Annotated[
        str | None, typer.Option("--split-column", metavar="COL", help="Metadata column with train/validation/test.")
    ] = None,
    query: options.Query = None,
    gallery: options.Gallery = None,
    facets: options.FacetColumns = None,
    at: evaluate_options.At = "1,2,4,8",
    embedding: evaluate_options.Embedding = None,
    distance: evaluate_options.DistanceName = "auto",
    leave_out: evaluate_options.LeaveOut = None,
    junk: evaluate_options.Junk = None,
    with_nmi: evaluate_options.WithNmi = False,
    attack: evaluate_options.AttackName = None,
    epsilon: evaluate_options.Epsilon = None,
    attack_steps: evaluate_options.AttackSteps = None,
    attack_aim: evaluate_options.AttackAim = None,
    seed: evaluate_options.AttackSeed = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Measure MODEL on the validation queries of DATA.

    Example: atlantis evaluate last photos/ --query visit=2

    Under attack: atlantis evaluate last photos/ --attack pgd --epsilon 2
    """
    with report_errors(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.workflows.evaluate import EvaluationRequest
        from atlantis_dml.app.evaluate import Subject, check_split, evaluate_model, parse_attack
        from atlantis_dml.views.measurements import show_evaluation

        check_split(split)
        read = ReadOptions(label, split_column, options.parse_columns(facets, "--facets"))
        restrictions = options.parse_column_value(query, "--query"), options.parse_column_value(gallery, "--gallery")
        how = {"epsilon": epsilon, "attack-steps": attack_steps, "attack-aim": attack_aim, "seed": seed}
        question = EvaluationRequest(
            evaluate_options.parse_numbers(at),
            distance,
            leave_out,
            with_nmi,
            parse_attack(attack, how),
            "wrong" if attack_aim is None else attack_aim,
            junk,
        )
        subject = Subject(model, data, read, parse_regime(regime), restrictions, embedding)
        found = evaluate_model(subject, question, workspace)
        print_json(found) if as_json else show_evaluation(found)
