"""`atlantis chat`: the same runs, by talking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_dml.app.output import report_errors
from atlantis_dml.app.request import parse_regime
from atlantis_dml.cli import options, run_options

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.chat.desk import RunTemplate
    from atlantis_dml.chat.record import ChatRecord


def chat(
    data: options.DataOrNone = None,
    planner: run_options.PlannerName = "rules",
    fallback: run_options.Fallback = None,
    base_url: run_options.BaseUrl = None,
    price: run_options.PriceText = None,
    generator: run_options.GeneratorName = "photometric",
    captioner: options.CaptionerName = "attributes",
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    preset: options.Preset = "auto",
    seeds: run_options.Seeds = 2,
    regime: options.RegimeName = "seen",
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    query: options.Query = None,
    gallery: options.Gallery = None,
    facets: options.FacetColumns = None,
    auto: run_options.Auto = False,
    thread: Annotated[
        str | None, typer.Option("--thread", help="Name of the conversation; else the last one about DATA.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin another conversation.")] = False,
    workspace: options.WorkspaceFolder = None,
) -> None:
    """Talk: state a goal, see the plan, approve, ask why, change your mind; it is remembered.

    Without a key, rules understand simple sentences; with --planner openai:MODEL, free words. A chat is text: for
    JSON use `atlantis run --json`. Lines may come from a pipe too: each is read when the run rests.

    Example: atlantis chat photos/
    """
    with report_errors(False):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.records import Budget, Goal, RunSpec
        from atlantis_dml.app.prices import find_prices
        from atlantis_dml.app.setup import open_workspace
        from atlantis_dml.chat.desk import RunTemplate
        from atlantis_dml.chat.record import find_or_create

        store = open_workspace(workspace)
        record, resumed = find_or_create(store, data, thread, new=new)
        spec = RunSpec(
            collection_id="",
            data=record.data,
            goal=Goal(""),
            budget=Budget(),
            planner=planner,
            fallback=fallback,
            base_url=base_url,
            prices=find_prices([planner, fallback, captioner], run_options.parse_price(price), store.folder),
            seeds=seeds,
            preset=preset,
            backbone=backbone,
            weights=weights,
            captioner=captioner,
            generator=generator,
            regime=parse_regime(regime),
            query=options.parse_column_value(query, "--query"),
            gallery=options.parse_column_value(gallery, "--gallery"),
            auto=auto,
        )
        read = ReadOptions(label, split, options.parse_columns(facets, "--facets"))
        code = _talk(store, record, RunTemplate(spec, read), resumed=resumed)
    raise typer.Exit(code)


def _talk(store: Workspace, record: ChatRecord, template: RunTemplate, *, resumed: bool) -> int:
    from atlantis_dml.app.agents import build_redaction
    from atlantis_dml.app.run import check_spec, pin_base_url
    from atlantis_dml.app.setup import check_data
    from atlantis_dml.chat.answers import build_host
    from atlantis_dml.chat.desk import ChatDesk
    from atlantis_dml.chat.loop import TerminalChat
    from atlantis_dml.chat.record import save_record
    from atlantis_dml.chat.terminal import ChatTerminal
    from atlantis_dml.graph.conversation import Conversation

    check_data(template.spec.data)
    check_spec(template.spec)
    template, terminal = replace(template, spec=pin_base_url(template.spec)), ChatTerminal()
    desk = ChatDesk(save_record(store, record), store, template, terminal.screen())
    talk = Conversation(record.id, store, desk)
    return TerminalChat(
        talk, desk, lambda: build_host(store, desk, template.spec), terminal, store, build_redaction()
    ).run(resumed=resumed)
