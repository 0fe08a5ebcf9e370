"""`atlantis chat`: plans, starts and discusses runs in a conversation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from atlantis_dml.app.output import announce
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command(
    "planner fallback base_url price vision generator captioner backbone weights preset seeds max_seeds "
    "regime label split query gallery facets auto masks pool answers questions remedies"
)
def chat(
    *,
    data: options.DataOrNone = None,
    given: RunOptions,
    thread: Annotated[
        str | None, typer.Option(help="Name of the conversation; default: the last one about DATA.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new conversation.")] = False,
    workspace: options.WorkspaceFolder = None,
) -> None:
    """Plan, start and discuss runs in a conversation.

    State a goal, see the plan, approve, ask why, change it; all of it is saved. Without a key, rules read simple
    sentences; with --planner openai:MODEL you write freely. Lines may also come from a pipe: each is read when no run
    is working. For JSON use `atlantis run --json`.

    Example: atlantis chat photos/
    """
    from atlantis_dml.app.setup import check_data, open_workspace
    from atlantis_dml.chat.record import find_or_create, save_record

    store = open_workspace(workspace)
    record, resumed = find_or_create(store, data, thread, new=new)
    template = build_request(record.data, given, workspace)
    check_data(template.spec.data)
    announce("starting the conversation")
    from atlantis_dml.app.run_settings import check_spec, pin_base_url
    from atlantis_dml.chat.desk import ChatDesk
    from atlantis_dml.chat.loop import TerminalChat
    from atlantis_dml.chat.terminal import ChatTerminal
    from atlantis_dml.graph.conversation import Conversation

    check_spec(template.spec)
    template, terminal = replace(template, spec=pin_base_url(template.spec)), ChatTerminal()
    desk = ChatDesk(save_record(store, record), store, template, terminal.screen())
    talk = Conversation(record.id, store, desk)
    raise typer.Exit(TerminalChat(talk, desk, terminal, store).run(resumed=resumed))
