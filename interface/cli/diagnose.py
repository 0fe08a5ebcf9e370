"""`atlantis diagnose`: what DATA contains and where retrieval fails on it; makes no image."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import print_json, report_errors
from atlantis_dml.app.request import parse_regime
from atlantis_dml.cli import options, run_options


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
        from atlantis_dml.app.diagnose import diagnose_data
        from atlantis_dml.app.prices import find_prices
        from atlantis_dml.app.request import RunRequest
        from atlantis_dml.app.setup import open_workspace
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
