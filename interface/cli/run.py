"""`atlantis run` and `atlantis resume`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_dml.app.output import print_json, report_errors, say
from atlantis_dml.app.setup import parse_regime
from atlantis_dml.cli import options, run_options

if TYPE_CHECKING:
    from atlantis_core.records import Budget
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.setup import RunRequest


def run(
    data: options.DataOrNone = None,
    goal: run_options.GoalOrNone = None,
    planner: run_options.PlannerName = "rules",
    fallback: run_options.Fallback = None,
    base_url: run_options.BaseUrl = None,
    budget_images: run_options.BudgetImages = None,
    budget_usd: run_options.BudgetUsd = None,
    price: run_options.PriceText = None,
    rounds: run_options.Rounds = None,
    seeds: run_options.Seeds = 2,
    auto: run_options.Auto = False,
    preset: options.Preset = "auto",
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    captioner: options.CaptionerName = "attributes",
    generator: run_options.GeneratorName = "photometric",
    scorer: run_options.ScorerName = "margin",
    regime: options.RegimeName = "seen",
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    query: options.Query = None,
    gallery: options.Gallery = None,
    facets: options.FacetColumns = None,
    spread: run_options.Spread = "targeted",
    seed: run_options.Seed = 0,
    replay: run_options.Replay = None,
    trace: run_options.Trace = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Improve a retriever on DATA: find gaps, make images, keep what is proven.

    Example: atlantis run photos/ --goal "night photos are not found" --budget-images 400 --auto

    With a chat model: atlantis run photos/ --goal "..." --planner openai:MODEL --budget-usd 2 --price 0.25,2
    """
    with report_errors(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.records import Goal, RunSpec
        from atlantis_dml.app.agents import build_redaction
        from atlantis_dml.app.prices import find_prices
        from atlantis_dml.app.replay import request_from_recording
        from atlantis_dml.app.setup import RunRequest, open_workspace
        from atlantis_dml.tracing.live import read_target_option

        to = read_target_option(trace)
        read = ReadOptions(label, split, options.parse_columns(facets, "--facets"))
        if replay is not None:
            changed = {
                "--goal": goal,
                "--fallback": fallback,
                "--base-url": base_url,
                "--budget-images": budget_images,
                "--budget-usd": budget_usd,
                "--price": price,
                "--rounds": rounds,
            }
            run_options.refuse_beside_replay(changed)
            _start(request_from_recording(replay, data, weights, read, workspace), workspace, to, as_json)
            return
        data, goal = (
            run_options.require_option(data, "DATA"),
            build_redaction()(run_options.require_option(goal, "--goal")),
        )
        folder = open_workspace(workspace).folder
        spec = RunSpec(
            collection_id="",
            data=data,
            goal=Goal(goal),
            budget=_parse_budget(goal, budget_images, budget_usd, rounds),
            planner=planner,
            base_url=base_url,
            fallback=fallback,
            prices=find_prices([planner, fallback, captioner], run_options.parse_price(price), folder),
            seeds=seeds,
            seed=seed,
            preset=preset,
            backbone=backbone,
            weights=weights,
            captioner=captioner,
            generator=generator,
            scorer=scorer,
            regime=parse_regime(regime),
            query=options.parse_column_value(query, "--query"),
            gallery=options.parse_column_value(gallery, "--gallery"),
            auto=auto,
            spread=run_options.parse_spread(spread),
        )
        _start(RunRequest(data, goal, read, spec), workspace, to, as_json)


def _start(asked: RunRequest, folder: Path | None, to: str | None, as_json: bool) -> None:
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.setup import create_run, open_session, open_workspace
    from atlantis_dml.cli.drive import run_until_rest
    from atlantis_dml.tracing.live import live_export
    from atlantis_dml.views.runs import show_run

    store, screen = open_workspace(folder), open_stderr_screen()
    with screen:
        started, lines = create_run(asked, store, screen.progress)
    for line in [f"run {started.id} in {store.folder}", *lines]:
        say(line)
    with live_export(store, started, to, screen.line) as trace:
        summary = run_until_rest(open_session(store, started, screen), screen, as_json)
    summary |= trace.facts
    print_json(summary) if as_json else show_run(summary, store.folder)


def resume(
    run_name: options.RunName,
    approve: Annotated[bool, typer.Option("--approve", help="Approve what the run waits with.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject it; the run ends.")] = False,
    edit: Annotated[Path | None, typer.Option("--edit", help="Approve this changed protocol (JSON).")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, with --reject.")] = "",
    trace: run_options.Trace = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Go on with a run that was stopped, is paused or waits for approval.

    Example: atlantis resume last --approve
    """
    with report_errors(as_json):
        from atlantis_dml.app.ask_approval import answer_from_options
        from atlantis_dml.app.progress import open_stderr_screen
        from atlantis_dml.app.setup import open_existing, open_session
        from atlantis_dml.cli.drive import run_until_rest
        from atlantis_dml.tracing.live import live_export, read_target_option
        from atlantis_dml.views.runs import show_run

        store, screen, to = open_existing(workspace), open_stderr_screen(), read_target_option(trace)
        found = store.runs.get(run_name)
        if found.status == "done":
            summary = _finish_run(store, found, answered=approve or reject or edit is not None)
        else:
            session = open_session(store, found, screen)
            answer = answer_from_options(session, approve, reject, edit, reason)
            with live_export(store, found, to, screen.line) as sent:
                summary = run_until_rest(session, screen, as_json, answer)
            summary |= sent.facts
        print_json(summary) if as_json else show_run(summary, store.folder)


def _finish_run(store: Workspace, found: Run, *, answered: bool) -> dict[str, Any]:
    """Return what a run that is done came to; an answer to it is a mistake, whatever it says."""
    from atlantis_core.base.errors import SetupError
    from atlantis_core.run.summary import summarise

    if answered:
        raise SetupError(f"run {found.id!r} is done and waits for no approval")
    say(f"run {found.id} is done")
    return summarise(store, found.id)


def _parse_budget(goal: str, images: int | None, usd: float | None, rounds: int | None) -> Budget:
    """Take the limits from the options, else from the goal's words."""
    from atlantis_core.base.amounts import limits_in
    from atlantis_core.records import Budget

    named = limits_in(goal)
    given = {"images": images, "usd": usd, "rounds": rounds}
    taken = [f"{value:g} {unit}" for unit, value in named.items() if given[unit] is None]
    if taken:
        say(f"limits read from the goal's words: {', '.join(taken)} (options such as --budget-images override them)")
    if images is None and "images" in named:
        images = int(named["images"])
    return Budget(
        images, named.get("usd") if usd is None else usd, int(named.get("rounds", 2)) if rounds is None else rounds
    )
