"""`atlantis diagnose` and `evaluate`: measuring without making an image."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, report_errors
from atlantis_dml.app.setup import parse_regime
from atlantis_dml.cli import evaluate_options, options, run_options


def diagnose(
    data: options.Data,
    untrained: Annotated[
        bool, typer.Option("--frozen", help="Measure the backbone as it came; without it one baseline is trained.")
    ] = False,
    top: Annotated[int, typer.Option("--top", min=1, help="How many gaps at most.")] = 20,
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    captioner: options.CaptionerName = "attributes",
    base_url: run_options.BaseUrl = None,
    budget_usd: run_options.BudgetUsd = None,
    price: run_options.PriceText = None,
    preset: options.Preset = "auto",
    regime: options.RegimeName = "seen",
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    query: options.Query = None,
    gallery: options.Gallery = None,
    facets: options.FacetColumns = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Say what DATA holds and where retrieval fails on it; makes no image.

    Example: atlantis diagnose photos/ --query visit=2
    """
    with report_errors(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.records import Budget, Goal, RunSpec
        from atlantis_dml.app.evaluate import diagnose_data
        from atlantis_dml.app.prices import find_prices
        from atlantis_dml.app.setup import RunRequest, open_workspace
        from atlantis_dml.views.measurements import show_diagnosis

        spec = RunSpec(
            collection_id="",
            data=data,
            goal=Goal(""),
            budget=Budget(usd=budget_usd),
            base_url=base_url,
            prices=find_prices([captioner], run_options.parse_price(price), open_workspace(workspace).folder),
            preset=preset,
            backbone=backbone,
            weights=weights,
            captioner=captioner,
            regime=parse_regime(regime),
            query=options.parse_column_value(query, "--query"),
            gallery=options.parse_column_value(gallery, "--gallery"),
        )
        read = ReadOptions(label, split, options.parse_columns(facets, "--facets"))
        found = diagnose_data(RunRequest(data, "", read, spec), workspace, untrained=untrained, top=top)
        print_json(found) if as_json else show_diagnosis(found)


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
