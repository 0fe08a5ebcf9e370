"""The conversations of a server: each one is held once, however many browsers look at it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import NotFoundError, SetupError
from atlantis_dml.web.live_conversation import LiveConversation

if TYPE_CHECKING:
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.chat.desk import RunTemplate
    from atlantis_dml.chat.record import ChatRecord


class Conversations:
    """Finds, begins and holds conversations; safe to call from many threads.

    Args:
        workspace: Keeps them.
        template: Settings of the runs that are begun in them.
        data: What they may be about, as typed on the command line; a browser cannot name another folder.
    """

    def __init__(self, workspace: Workspace, template: RunTemplate, data: Sequence[str]) -> None:
        self._workspace, self._template, self.data = workspace, template, tuple(data)
        self._lock = threading.RLock()
        self._rooms: dict[str, LiveConversation] = {}

    def records(self) -> list[ChatRecord]:
        """Return the conversations about data that this server was given, the last one first."""
        from atlantis_dml.chat.record import list_records

        mine = [record for record in list_records(self._workspace) if record.data in self.data]
        return sorted(mine, key=lambda record: -record.touched)

    def listed(self, current: str) -> list[ChatRecord]:
        """Return what there is to choose from: the current conversation, and those in which something was said."""
        stamp = self._workspace.events.stamp
        return [record for record in self.records() if record.id == current or stamp([record.id])[0]]

    def begin(self, data: str) -> LiveConversation:
        """Begin a conversation.

        Raises:
            SetupError: Data that the server was not started with.
        """
        from atlantis_dml.chat.record import find_or_create

        if data not in self.data:
            known = ", ".join(self.data)
            raise SetupError(f"this server talks about {known}; for {data[:80]!r} start: atlantis serve DATA")
        record, _ = find_or_create(self._workspace, data, None, new=True)
        return self._room(record)

    def room(self, chat_id: str) -> LiveConversation:
        """Return a conversation.

        Raises:
            NotFoundError: None of that name.
        """
        with self._lock:
            if chat_id in self._rooms:
                return self._rooms[chat_id]
        for record in self.records():
            if record.id == chat_id:
                return self._room(record)
        raise NotFoundError(f"there is no conversation {chat_id[:80]!r} here")

    def open(self, wanted: str | None = None) -> LiveConversation:
        """Return a conversation by its name, else the last one, else a new one."""
        records = self.records()
        if wanted and any(record.id == wanted for record in records):
            return self.room(wanted)
        return self.room(records[0].id) if records else self.begin(self.data[0])

    def _room(self, record: ChatRecord) -> LiveConversation:
        with self._lock:
            if record.id not in self._rooms:
                spec = replace(self._template.spec, data=record.data)
                self._rooms[record.id] = LiveConversation(record, self._workspace, replace(self._template, spec=spec))
            return self._rooms[record.id]

    def rooms(self) -> list[LiveConversation]:
        """Return those that are held now."""
        with self._lock:
            return list(self._rooms.values())

    def of_run(self, run: Run) -> LiveConversation | None:
        """Return the conversation whose newest run this is."""
        if not any(record.id == run.spec.beside for record in self.records()):
            return None
        room = self.room(run.spec.beside)
        return room if room.desk.record.run_id == run.id else None
