"""`atlantis chat`: the same runs, by talking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_dml.app.output import answering
from atlantis_dml.app.setup import parse_regime
from atlantis_dml.cli import options, run_options

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.chat.desk import Template
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
    with answering(False):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.records import Budget, Goal, RunSpec
        from atlantis_dml.app.prices import prices_for
        from atlantis_dml.app.setup import open_workspace
        from atlantis_dml.chat.desk import Template
        from atlantis_dml.chat.record import find_or_begin

        store = open_workspace(workspace)
        record, resumed = find_or_begin(store, data, thread, new=new)
        spec = RunSpec(
            collection_id="",
            data=record.data,
            goal=Goal(""),
            budget=Budget(),
            planner=planner,
            fallback=fallback,
            base_url=base_url,
            prices=prices_for([planner, fallback, captioner], run_options.price(price), store.folder),
            seeds=seeds,
            preset=preset,
            backbone=backbone,
            weights=weights,
            captioner=captioner,
            generator=generator,
            regime=parse_regime(regime),
            query=options.column_value(query, "--query"),
            gallery=options.column_value(gallery, "--gallery"),
            auto=auto,
        )
        read = ReadOptions(label, split, options.columns(facets, "--facets"))
        code = _talk(store, record, Template(spec, read), resumed=resumed)
    raise typer.Exit(code)


def _talk(store: Workspace, record: ChatRecord, template: Template, *, resumed: bool) -> int:
    from atlantis_dml.app.agents import redaction
    from atlantis_dml.app.setup import check_data, check_spec, with_address
    from atlantis_dml.chat.answers import host_for
    from atlantis_dml.chat.desk import ChatDesk
    from atlantis_dml.chat.loop import Chat
    from atlantis_dml.chat.record import keep
    from atlantis_dml.chat.terminal import ChatTerminal
    from atlantis_dml.graph.conversation import Conversation

    check_data(template.spec.data)
    check_spec(template.spec)
    template, terminal = replace(template, spec=with_address(template.spec)), ChatTerminal()
    desk = ChatDesk(keep(store, record), store, template, terminal.screen())
    talk = Conversation(record.id, store, desk)
    return Chat(talk, desk, lambda: host_for(store, desk, template.spec), terminal, store, redaction()).run(
        resumed=resumed
    )
