"""Steering runs from a browser or over MCP: show the protocol that waits, answer it, start, resume and stop."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.base.text import clean_text
from atlantis_core.records import Protocol
from atlantis_core.run.responses import LONGEST_WORDS
from atlantis_dml.app.ask_approval import NOT_APPROVED
from atlantis_dml.web.live_conversation import QuietScreen

if TYPE_CHECKING:
    from atlantis_core.store.runs import Run, RunStatus
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.run import RunWorker
    from atlantis_dml.web.conversations import Conversations


class Steering:
    """Acts on runs. If two browsers answer a protocol, the earlier one counts.

    A run started in a conversation is driven by its desk, any other run by a worker here.
    """

    def __init__(self, workspace: Workspace, conversations: Conversations) -> None:
        self._workspace, self._conversations = workspace, conversations
        self._lock = threading.RLock()
        self._workers: dict[str, tuple[RunWorker, QuietScreen]] = {}

    def pending_question(self, run_id: str) -> dict[str, Any] | None:
        """Return the protocol that waits for approval, without skipped cells; None if none waits."""
        from atlantis_core.run.approval import drop_skipped_cells
        from atlantis_core.run.session import Session
        from atlantis_dml.graph.running import find_pending_question

        run = self._workspace.runs.get(run_id)
        if self._workspace.read_status(run) != "waiting" or self._driver(run)[0].is_busy():
            return None
        question = find_pending_question(self._workspace, run.id)
        return drop_skipped_cells(Session(self._workspace, run.id, run.spec), question) if question else None

    def pending_ask(self, run_id: str) -> Mapping[str, Any] | None:
        """Return the question that a run's planner asks the person now; None if it asks nothing."""
        from atlantis_dml.graph.running import find_pending_ask

        run = self._workspace.runs.get(run_id)
        if self._workspace.read_status(run) != "waiting" or self._driver(run)[0].is_busy():
            return None
        return find_pending_ask(self._workspace, run.id)

    def answer_ask(self, run_id: str, words: str, by: str, asked: str | None = None) -> None:
        """Pass a person's words on to the planner that asks; they approve nothing.

        Args:
            run_id: Its planner asks.
            words: The person's.
            by: Who answered and where, for the trace.
            asked: The question that the person saw; None does not compare.

        Raises:
            ToolError: The run asks nothing now, or something else, or there are no words.
        """
        with self._lock:
            run = self._workspace.runs.get(run_id)
            pending = self.pending_ask(run.id)
            if pending is None:
                raise ToolError("the run asks nothing now; another window may have answered")
            if asked not in {None, pending["ask"]}:
                raise ToolError("the run asks something else now; reload the page to see it")
            if not clean_text(words, LONGEST_WORDS):
                raise ToolError("the answer has no words")
            self._driver(run)[0].start(run.id, {"decision": "respond", "words": words, "by": by})

    def describe_words(self, run_id: str, question: Mapping[str, Any]) -> str:
        """Return which share of the prompts' words the generator understands; may be empty."""
        from atlantis_core.run.capabilities import describe_prompt_words
        from atlantis_core.run.session import Session

        run = self._workspace.runs.get(run_id)
        protocol = from_json(Protocol, question["protocol"])
        return describe_prompt_words(Session(self._workspace, run.id, run.spec), protocol)

    def read_status(self, run_id: str) -> RunStatus:
        """Return the status of a run; `running` as soon as this server drives it."""
        run = self._workspace.runs.get(run_id)
        return "running" if self._driver(run)[0].is_busy() else self._workspace.read_status(run)

    def start(self, run_id: str) -> None:
        """Begin to work on a new run."""
        with self._lock:
            run = self._workspace.runs.get(run_id)
            self._worker(run)[0].start(run.id)

    def answer(self, run_id: str, answer: Mapping[str, Any], by: str = "in the web form") -> str:
        """Check an answer, resume the run with it, and return what was decided.

        Args:
            run_id: Its protocol waits.
            answer: `decision`; `protocol_id` or `protocol_hash` of the protocol that the person saw; for a change of
                it `cells`, or `images` and `without` as in `build_approval`; for a response the `words`, for a
                rejection or the end of the run the `reason`.
            by: Who answered and where, for the trace.

        Raises:
            AtlantisError: No protocol waits (any more), or the edited protocol breaks a rule.
        """
        with self._lock:
            run = self._workspace.runs.get(run_id)
            question = self.pending_question(run.id)
            if question is None:
                raise ToolError("no protocol waits for approval now; another window may have answered it")
            _check_shown(question, answer)
            checked = {**self._check(run, question, answer), "by": by}
            conversation = self._conversations.find_for_run(run)
            if conversation is not None:
                return conversation.answer(checked)
            self._worker(run)[0].start(run.id, checked)
            return NOT_APPROVED.get(checked["decision"], "Approved.")

    def describe_answer(self, run_id: str, protocol_id: str) -> str:
        """Return how a protocol was answered and where; empty if it was not."""
        from atlantis_dml.text.steps import summarise_step

        approvals = self._workspace.events.of_kind(self._workspace.runs.get(run_id).id, "approval")
        return next(
            (summarise_step(one) for one in reversed(approvals) if one["input"].get("protocol") == protocol_id), ""
        )

    def _check(self, run: Run, question: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        from atlantis_core.run.approval import build_approval
        from atlantis_core.run.protocol_rules import parse_edited_protocol
        from atlantis_core.run.session import Session
        from atlantis_dml.graph.running import find_pending_question

        decision = answer.get("decision")
        if decision in {"reject", "stop"}:
            return {"decision": decision, "reason": clean_text(str(answer.get("reason") or ""), 300)}
        if decision == "respond":
            words = clean_text(str(answer.get("words") or ""), LONGEST_WORDS)
            if not words:
                raise ToolError("the answer has no words; say what should be different")
            return {"decision": "respond", "words": words}
        session = Session(self._workspace, run.id, run.spec)
        if answer.get("cells") is None:
            pending = find_pending_question(self._workspace, run.id) or question
            return build_approval(session, pending, answer.get("images"), answer.get("without", ""))
        payload = {**question["protocol"], "cells": answer["cells"]}
        protocol = parse_edited_protocol(payload, session.collection, run.spec.regime, session.images_left)
        return {"decision": "edit", "protocol": as_json(protocol)}

    def resume(self, run_id: str) -> str:
        """Resume a run that is paused, stopped or failed.

        Raises:
            ToolError: It is in another state.
        """
        with self._lock:
            run = self._workspace.runs.get(run_id)
            is_paused = self._workspace.read_status(run) in {"paused", "stopped", "failed"}
            if not is_paused or self._driver(run)[0].is_busy():
                raise ToolError("the run is not paused")
            conversation = self._conversations.find_for_run(run)
            if conversation is not None:
                return conversation.go_on()
            self._worker(run)[0].start(run.id)
            return f"Run {run.id} continues."

    def stop(self, run_id: str) -> str:
        """Ask a run that this server drives to pause.

        Raises:
            ToolError: This server does not drive it now.
        """
        run = self._workspace.runs.get(run_id)
        if not self._driver(run)[0].stop():
            raise ToolError("this server is not working on the run now")
        return "Stopping at the next step; finished work is kept."

    def describe_activity(self, run_id: str) -> tuple[str, str]:
        """Return what this server is doing for a run, and the last problem; both may be empty."""
        worker, screen = self._driver(self._workspace.runs.get(run_id))
        problems = screen.problems()
        return screen.activity() if worker.is_busy() else "", problems[-1] if problems else ""

    def shut_down(self) -> None:
        """Ask all work of this server to pause, and wait until it has."""
        with self._lock:
            workers = [one.desk.worker for one in self._conversations.open_conversations()]
            workers += [worker for worker, _ in self._workers.values()]
        for one in workers:
            one.stop()
        for one in workers:
            one.wait()

    def _driver(self, run: Run) -> tuple[RunWorker, QuietScreen]:
        conversation = self._conversations.find_for_run(run)
        return self._worker(run) if conversation is None else (conversation.desk.worker, conversation.screen)

    def _worker(self, run: Run) -> tuple[RunWorker, QuietScreen]:
        from atlantis_dml.app.run import RunWorker

        with self._lock:
            if run.id not in self._workers:
                screen = QuietScreen()
                self._workers[run.id] = RunWorker(self._workspace, screen, lambda: None), screen
            return self._workers[run.id]


def _check_shown(question: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    """Refuse an answer to another protocol than the one that waits."""
    from atlantis_core.run.approval import hash_question

    is_same = answer.get("protocol_hash") in {None, hash_question(question)}
    if "protocol_id" in answer:
        if not is_same or question["protocol"]["id"] != answer["protocol_id"]:
            raise ToolError("a newer protocol waits for approval; reload the page to see it")
    elif not is_same:
        raise ToolError(
            f"the hash {str(answer['protocol_hash'])[:40]!r} is not that of the protocol that waits now, so nothing "
            "was answered; show the person the protocol of run_status, and answer with its hash"
        )
