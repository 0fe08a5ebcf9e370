"""What the server holds for all browsers: the workspace, its conversations, and runs that were read lately."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atlantis_core.errors import SetupError, ToolError
from atlantis_core.plain import as_json, from_json
from atlantis_core.summary import final_arms
from atlantis_dml.web.room import Listening, Room

if TYPE_CHECKING:
    from atlantis_core.session import Session
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_core.viewing.candidates import Row
    from atlantis_core.viewing.neighbours import Neighbours
    from atlantis_dml.chat_record import ChatRecord
    from atlantis_dml.desk import Template
    from atlantis_dml.working import Working

_KIND = "desk"


@dataclass(frozen=True, slots=True)
class Looked:
    """A run as it was read last."""

    stamp: tuple[Any, ...]
    session: Session
    rows: list[Row]
    paths: dict[str, str]
    """Image id or candidate key -> file; the sealed test split is not in it."""


class Site:
    """Everything the pages ask for; safe to call from many threads.

    Args:
        workspace: Keeps conversations and runs.
        template: Settings of runs that are begun here.
        data: What conversations may be about, as typed on the command line; a browser cannot name another folder.
    """

    def __init__(self, workspace: Workspace, template: Template, data: Sequence[str]) -> None:
        self.workspace, self.data = workspace, tuple(data)
        self._template = template
        self._lock = threading.RLock()
        self._rooms: dict[str, Room] = {}
        self._workers: dict[str, tuple[Working, Listening]] = {}
        self._looked: dict[str, Looked] = {}
        self._loaded: dict[tuple[str, str, str], Neighbours] = {}

    # Conversations

    def records(self) -> list[ChatRecord]:
        """Return the conversations about data that this server was given, the last one first."""
        from atlantis_dml.chat_record import ChatRecord

        found = [from_json(ChatRecord, payload) for payload in self.workspace.journal.everywhere(_KIND).values()]
        mine = [record for record in found if record.data in self.data]
        return sorted(mine, key=lambda record: -record.touched)

    def begin(self, data: str) -> Room:
        """Begin a conversation.

        Raises:
            SetupError: Data that the server was not started with.
        """
        from atlantis_dml.chat_record import find_or_begin

        if data not in self.data:
            known = ", ".join(self.data)
            raise SetupError(f"this server talks about {known}; for {data[:80]!r} start: atlantis serve DATA")
        record, _ = find_or_begin(self.workspace, data, None, new=True)
        return self._room(record)

    def room(self, chat_id: str) -> Room:
        """Return a conversation.

        Raises:
            SetupError: None of that name.
        """
        with self._lock:
            if chat_id in self._rooms:
                return self._rooms[chat_id]
        for record in self.records():
            if record.id == chat_id:
                return self._room(record)
        raise SetupError(f"there is no conversation {chat_id[:80]!r} here")

    def open(self, wanted: str | None = None) -> Room:
        """Return a conversation by its name, else the last one, else a new one."""
        records = self.records()
        if wanted and any(record.id == wanted for record in records):
            return self.room(wanted)
        return self.room(records[0].id) if records else self.begin(self.data[0])

    def _room(self, record: ChatRecord) -> Room:
        with self._lock:
            if record.id not in self._rooms:
                spec = replace(self._template.spec, data=record.data)
                self._rooms[record.id] = Room(record, self.workspace, replace(self._template, spec=spec))
            return self._rooms[record.id]

    # Runs

    def runs(self) -> list[tuple[Run, str]]:
        """Return every run and where it stands, newest first."""
        return [(run, self.workspace.standing(run)) for run in self.workspace.runs.all()]

    def look(self, run_id: str) -> Looked:
        """Return a run as it stands now; read anew only where something happened since.

        Raises:
            SetupError: No such run.
        """
        from atlantis_core.session import Session
        from atlantis_core.viewing.candidates import rows_of

        run = self.workspace.runs.get(run_id)
        stamp = (*self.workspace.events.stamp([run.id]), *self.workspace.candidates.stamp(run.id), run.status)
        with self._lock:
            known = self._looked.get(run.id)
            if known is None or known.stamp != stamp:
                session = Session(self.workspace, run.id, run.spec)
                rows = rows_of(session)
                paths = {image.id: image.path for image in session.collection.images}
                paths |= {row.candidate.key: row.candidate.path for row in rows}
                known = self._looked[run.id] = Looked(stamp, session, rows, paths)
            return known

    def screening_model(self, run_id: str) -> Neighbours | None:
        """Return who finds training images near made ones, as they are screened; None before it is trained."""
        session = self.look(run_id).session
        diagnosing = final_arms(self.workspace, session.run_id).get("diagnosing")
        return self._neighbours(session, diagnosing[0], "train") if diagnosing else None

    def models(self, run_id: str) -> dict[str, str]:
        """Return the models of a run that can be searched with: name -> trial id; one seed of each arm."""
        arms = final_arms(self.workspace, self.look(run_id).session.run_id)
        names = {"before": "baseline", "after": "incumbent"}
        return {name: arms[arm][0] for name, arm in names.items() if arms.get(arm)}

    def searching(self, run_id: str, name: str) -> Neighbours:
        """Return who searches training and validation images with one of `models`.

        Raises:
            SetupError: The run has no such model.
        """
        models = self.models(run_id)
        if name not in models:
            known = ", ".join(models) or "none yet: nothing is judged"
            raise SetupError(f"run {run_id!r} has no model {name[:40]!r}; it has {known}")
        return self._neighbours(self.look(run_id).session, models[name], "all")

    def _neighbours(self, session: Session, trial_id: str, searched: str) -> Neighbours:
        from atlantis_core.viewing.neighbours import Neighbours

        collection = session.collection
        with self._lock:
            key = (session.run_id, trial_id, searched)
            if key not in self._loaded:
                images = collection.of_split("train") if searched == "train" else collection.images
                self._loaded[key] = Neighbours(session, trial_id, images)
            return self._loaded[key]

    def question(self, run_id: str) -> dict[str, Any] | None:
        """Return the protocol that a run asks about, as it would be made now; None where it asks nothing."""
        from atlantis_core.approving import as_wished
        from atlantis_core.session import Session
        from atlantis_dml.graph.running import question_of

        run = self.workspace.runs.get(run_id)
        if self.workspace.standing(run) != "waiting" or self._is_busy(run):
            return None
        question = question_of(self.workspace, run.id)
        return as_wished(Session(self.workspace, run.id, run.spec), question) if question else None

    def answer(self, run_id: str, answer: Mapping[str, Any]) -> str:
        """Answer the protocol that a run asks about; an edited one is checked first.

        Raises:
            AtlantisError: It waits for no answer (any more), or the edited protocol breaks a rule.
        """
        with self._lock:
            run = self.workspace.runs.get(run_id)
            asked = self.question(run.id)
            if asked is None:
                raise ToolError("no protocol waits for an answer now; another window may have answered it")
            if asked["protocol"]["id"] != answer.get("protocol_id"):
                raise ToolError("another protocol waits by now; look at it before you answer")
            checked = self._checked(run, asked, answer)
            room = self._room_of(run)
            if room is not None:
                return room.answer(checked)
            self._worker(run)[0].go(run.id, checked)
            return "Rejected." if checked["decision"] == "reject" else "Approved."

    def _checked(self, run: Run, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        from atlantis_core.approving import approval
        from atlantis_core.protocols import edited_protocol
        from atlantis_core.session import Session
        from atlantis_dml.graph.running import question_of

        if answer.get("decision") == "reject":
            return {"decision": "reject", "reason": str(answer.get("reason") or "")[:300]}
        session = Session(self.workspace, run.id, run.spec)
        if answer.get("cells") is None:
            return approval(session, question_of(self.workspace, run.id) or asked)
        left = self.workspace.ledger.left(run.id, run.spec.budget)["images"]
        payload = {**asked["protocol"], "cells": answer["cells"]}
        protocol = edited_protocol(payload, session.collection, run.spec.regime, left)
        return {"decision": "edit", "protocol": as_json(protocol)}

    def go_on(self, run_id: str) -> str:
        """Go on with a run that is paused or was stopped.

        Raises:
            ToolError: It is not.
        """
        with self._lock:
            run = self.workspace.runs.get(run_id)
            if self.workspace.standing(run) not in {"paused", "stopped", "failed"} or self._is_busy(run):
                raise ToolError("the run is not paused")
            room = self._room_of(run)
            if room is not None:
                return room.go_on()
            self._worker(run)[0].go(run.id)
            return f"Run {run.id} goes on."

    def stop(self, run_id: str) -> str:
        """Ask a run that works in this server to pause.

        Raises:
            ToolError: None works here.
        """
        run = self.workspace.runs.get(run_id)
        room = self._room_of(run)
        stopped = room.stop() if room is not None else self._worker(run)[0].stop()
        if not stopped:
            raise ToolError("nothing of this run works in this server now")
        return "Stopping at the next sign of progress; what is done stays."

    def doing(self, run_id: str) -> tuple[str, str]:
        """Return what a run is doing in this server, in words, and what went wrong last; both may be empty."""
        run = self.workspace.runs.get(run_id)
        room = self._room_of(run)
        screen = room.screen if room is not None else self._worker(run)[1]
        complaints = screen.complaints()
        return screen.doing() if self._is_busy(run) else "", complaints[-1] if complaints else ""

    def rest(self) -> None:
        """Ask everything that works here to pause, and wait until it does: the server is going down."""
        with self._lock:
            working = [room.desk.working for room in self._rooms.values()]
            working += [worker for worker, _ in self._workers.values()]
        for one in working:
            one.stop()
        for one in working:
            one.wait()

    def _room_of(self, run: Run) -> Room | None:
        """Return the conversation whose newest run this is."""
        with self._lock:
            rooms = dict(self._rooms)
        known = run.spec.beside in rooms or any(record.id == run.spec.beside for record in self.records())
        room = self.room(run.spec.beside) if run.spec.beside and known else None
        return room if room is not None and room.desk.record.run_id == run.id else None

    def _worker(self, run: Run) -> tuple[Working, Listening]:
        from atlantis_dml.working import Working

        with self._lock:
            if run.id not in self._workers:
                screen = Listening()
                self._workers[run.id] = Working(self.workspace, screen, lambda: None), screen
            return self._workers[run.id]

    def _is_busy(self, run: Run) -> bool:
        room = self._room_of(run)
        return room.desk.working.is_busy() if room is not None else self._worker(run)[0].is_busy()
