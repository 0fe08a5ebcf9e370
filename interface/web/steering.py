"""Steering runs from a browser: the protocol that waits, its answer, going on and stopping."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.serialization import as_json
from atlantis_core.base.text import clean_text
from atlantis_dml.web.live_conversation import QuietScreen

if TYPE_CHECKING:
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.chat.worker import RunWorker
    from atlantis_dml.web.conversations import Conversations

_LONGEST_REASON = 300


class Steering:
    """Acts on runs; of two browsers that answer at once, the first one counts.

    Args:
        workspace: Keeps the runs.
        conversations: A run of a conversation is driven by its desk, any other one here.
    """

    def __init__(self, workspace: Workspace, conversations: Conversations) -> None:
        self._workspace, self._conversations = workspace, conversations
        self._lock = threading.RLock()
        self._workers: dict[str, tuple[RunWorker, QuietScreen]] = {}

    def question(self, run_id: str) -> dict[str, Any] | None:
        """Return the protocol that a run asks about, as it would be made now; None where it asks nothing."""
        from atlantis_core.run.approval import drop_skipped_cells
        from atlantis_core.run.session import Session
        from atlantis_dml.graph.running import find_pending_question

        run = self._workspace.runs.get(run_id)
        if self._workspace.standing(run) != "waiting" or self._driver(run)[0].is_busy():
            return None
        question = find_pending_question(self._workspace, run.id)
        return drop_skipped_cells(Session(self._workspace, run.id, run.spec), question) if question else None

    def answer(self, run_id: str, answer: Mapping[str, Any]) -> str:
        """Answer the protocol that a run asks about; an edited one is checked first.

        Raises:
            AtlantisError: It waits for no answer (any more), or the edited protocol breaks a rule.
        """
        with self._lock:
            run = self._workspace.runs.get(run_id)
            asked = self.question(run.id)
            if asked is None:
                raise ToolError("no protocol waits for an answer now; another window may have answered it")
            if asked["protocol"]["id"] != answer.get("protocol_id"):
                raise ToolError("another protocol waits by now; look at it before you answer")
            checked = {**self._checked(run, asked, answer), "by": "in the web form"}
            room = self._conversations.of_run(run)
            if room is not None:
                return room.answer(checked)
            self._worker(run)[0].go(run.id, checked)
            return "Rejected." if checked["decision"] == "reject" else "Approved."

    def answered(self, run_id: str, protocol_id: str) -> str:
        """Return what was answered to a protocol, and where, in words; empty while nothing was."""
        from atlantis_dml.text.steps import summarise_step

        approvals = self._workspace.events.of_kind(self._workspace.runs.get(run_id).id, "approval")
        return next(
            (summarise_step(one) for one in reversed(approvals) if one["input"].get("protocol") == protocol_id), ""
        )

    def _checked(self, run: Run, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        from atlantis_core.run.approval import build_approval
        from atlantis_core.run.protocol_rules import parse_edited_protocol
        from atlantis_core.run.session import Session
        from atlantis_dml.graph.running import find_pending_question

        if answer.get("decision") == "reject":
            return {"decision": "reject", "reason": clean_text(str(answer.get("reason") or ""), _LONGEST_REASON)}
        session = Session(self._workspace, run.id, run.spec)
        if answer.get("cells") is None:
            return build_approval(session, find_pending_question(self._workspace, run.id) or asked)
        left = self._workspace.ledger.left(run.id, run.spec.budget)["images"]
        payload = {**asked["protocol"], "cells": answer["cells"]}
        protocol = parse_edited_protocol(payload, session.collection, run.spec.regime, left)
        return {"decision": "edit", "protocol": as_json(protocol)}

    def go_on(self, run_id: str) -> str:
        """Go on with a run that is paused or was stopped.

        Raises:
            ToolError: It is not.
        """
        with self._lock:
            run = self._workspace.runs.get(run_id)
            if self._workspace.standing(run) not in {"paused", "stopped", "failed"} or self._driver(run)[0].is_busy():
                raise ToolError("the run is not paused")
            room = self._conversations.of_run(run)
            if room is not None:
                return room.go_on()
            self._worker(run)[0].go(run.id)
            return f"Run {run.id} goes on."

    def stop(self, run_id: str) -> str:
        """Ask a run that works in this server to pause.

        Raises:
            ToolError: None works here.
        """
        run = self._workspace.runs.get(run_id)
        if not self._driver(run)[0].stop():
            raise ToolError("nothing of this run works in this server now")
        return "Stopping at the next sign of progress; what is done stays."

    def doing(self, run_id: str) -> tuple[str, str]:
        """Return what a run is doing in this server, in words, and what went wrong last; both may be empty."""
        worker, screen = self._driver(self._workspace.runs.get(run_id))
        complaints = screen.complaints()
        return screen.doing() if worker.is_busy() else "", complaints[-1] if complaints else ""

    def rest(self) -> None:
        """Ask everything that works here to pause, and wait until it does: the server is going down."""
        with self._lock:
            working = [room.desk.working for room in self._conversations.rooms()]
            working += [worker for worker, _ in self._workers.values()]
        for one in working:
            one.stop()
        for one in working:
            one.wait()

    def _driver(self, run: Run) -> tuple[RunWorker, QuietScreen]:
        """Return who drives a run, the desk of its conversation or a worker of its own, and what it says."""
        room = self._conversations.of_run(run)
        return self._worker(run) if room is None else (room.desk.working, room.screen)

    def _worker(self, run: Run) -> tuple[RunWorker, QuietScreen]:
        from atlantis_dml.chat.worker import RunWorker

        with self._lock:
            if run.id not in self._workers:
                screen = QuietScreen()
                self._workers[run.id] = RunWorker(self._workspace, screen, lambda: None), screen
            return self._workers[run.id]
