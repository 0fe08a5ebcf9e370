"""The conversations of a server: one object for each, shared by all browsers."""

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
    from atlantis_dml.app.request import RunRequest
    from atlantis_dml.chat.record import ChatRecord


class Conversations:
    """Finds, creates and keeps conversations about `data`; safe to call from many threads.

    A browser cannot name another folder.
    """

    def __init__(self, workspace: Workspace, template: RunRequest, data: Sequence[str]) -> None:
        self._workspace, self._template, self.data = workspace, template, tuple(data)
        self._lock = threading.RLock()
        self._open: dict[str, LiveConversation] = {}

    def records(self) -> list[ChatRecord]:
        """Return the conversations about this server's data, newest first."""
        from atlantis_dml.chat.record import list_records

        mine = [record for record in list_records(self._workspace) if record.data in self.data]
        return sorted(mine, key=lambda record: -record.touched)

    def list_choices(self, current: str) -> list[ChatRecord]:
        """Return the conversations to choose from: the current one and all that have messages."""
        stamp = self._workspace.events.stamp
        return [record for record in self.records() if record.id == current or stamp([record.id])[0]]

    def create(self, data: str) -> LiveConversation:
        """Start a conversation.

        Raises:
            SetupError: The server was not started with this data.
        """
        from atlantis_dml.chat.record import find_or_create

        if data not in self.data:
            known = ", ".join(self.data)
            raise SetupError(f"this server serves {known}; for {data[:80]!r} run: atlantis serve DATA")
        record, _ = find_or_create(self._workspace, data, None, new=True)
        return self._open_record(record)

    def get(self, chat_id: str) -> LiveConversation:
        """Return a conversation by its id.

        Raises:
            NotFoundError: No conversation has this id.
        """
        with self._lock:
            if chat_id in self._open:
                return self._open[chat_id]
        for record in self.records():
            if record.id == chat_id:
                return self._open_record(record)
        raise NotFoundError(f"there is no conversation {chat_id[:80]!r} here")

    def get_or_create(self, chat_id: str | None = None) -> LiveConversation:
        """Return a conversation by its id, else the newest one, else a new one."""
        records = self.records()
        if chat_id and any(record.id == chat_id for record in records):
            return self.get(chat_id)
        return self.get(records[0].id) if records else self.create(self.data[0])

    def open_conversations(self) -> list[LiveConversation]:
        """Return the conversations that are open now."""
        with self._lock:
            return list(self._open.values())

    def find_for_run(self, run: Run) -> LiveConversation | None:
        """Return the conversation whose newest run this is, if any."""
        if not any(record.id == run.spec.beside for record in self.records()):
            return None
        conversation = self.get(run.spec.beside)
        return conversation if conversation.desk.record.run_id == run.id else None

    def _open_record(self, record: ChatRecord) -> LiveConversation:
        with self._lock:
            if record.id not in self._open:
                template = replace(self._template, spec=replace(self._template.spec, data=record.data))
                self._open[record.id] = LiveConversation(record, self._workspace, template)
            return self._open[record.id]
