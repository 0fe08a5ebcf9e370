"""The desk behind a conversation: its goal record, its collection, and its run, which works in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.chat.run_plan import RunPlan, describe_plan, list_missing
from atlantis_core.chat.skip_phrases import parse_skipped_cells
from atlantis_core.run.approval import drop_skipped_cells
from atlantis_core.run.constraints import MOST_NOTES, read_constraints, undo_constraints, write_constraints
from atlantis_dml.app.ask_approval import describe_protocol
from atlantis_dml.chat.record import ChatRecord, load_record, save_record
from atlantis_dml.chat.situation import describe_situation
from atlantis_dml.chat.worker import ANSWER_HINT, RunWorker

if TYPE_CHECKING:
    from atlantis_core.records import Cell, Collection
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest

Status = Literal["none", "planned", "running", "waiting", "paused", "done"]


class ChatDesk:
    """What a conversation can act on; an `atlantis_dml.tools.desk.context.Desk`.

    Args:
        record: The conversation, as it is kept.
        workspace: Keeps it and its runs.
        template: Settings of its runs.
        screen: Told what the run does, line by line.
    """

    def __init__(self, record: ChatRecord, workspace: Workspace, template: RunRequest, screen: Screen) -> None:
        self._id, self.screen = record.id, screen
        self._workspace, self._template = workspace, template
        self._reading: Session | None = None
        self.working = RunWorker(workspace, screen, self._rested)

    @property
    def record(self) -> ChatRecord:
        """The conversation as it was written last: another process may have gone on with it."""
        return load_record(self._workspace, self._id)

    @property
    def planned(self) -> RunPlan:
        """The goal record."""
        return self.record.planned

    @property
    def status(self) -> Status:
        """Where the conversation's newest plan or run stands."""
        if self.working.is_busy():
            return "running"
        if self.planned.text and not self.record.started:
            return "planned"
        if not self.record.run_id:
            return "none"
        standing = self._workspace.standing(self._workspace.runs.get(self.record.run_id))
        return "paused" if standing in {"stopped", "failed"} else standing  # type: ignore[return-value]

    def situation(self) -> str:
        """See `Desk.situation`."""
        return describe_situation(self.status, self.planned, self.collection(), self.session(), self._as_wished())

    def collection(self) -> Collection:
        """See `Desk.collection`."""
        session = self.session()
        return session.collection if session else self._loaded

    @cached_property
    def _loaded(self) -> Collection:
        from atlantis_dml.app.setup import load_data

        spec, options = self._template.spec, self._template.options
        return load_data(spec.data, self._workspace, options, spec.regime, self.screen.progress).collection

    def session(self) -> Session | None:
        """See `Desk.session`."""
        if not self.record.run_id:
            return None
        if self._reading is None or self._reading.run_id != self.record.run_id:
            from atlantis_core.run.session import Session

            run = self._workspace.runs.get(self.record.run_id)
            self._reading = Session(self._workspace, run.id, run.spec)
        return self._reading

    def question(self) -> Mapping[str, Any] | None:
        """See `Desk.question`."""
        return self.working.question(self.record.run_id) if self.status == "waiting" else None

    def _as_wished(self) -> Mapping[str, Any] | None:
        """Return the question that waits, less what is to be left alone: what an approval would make."""
        session, question = self.session(), self.question()
        return drop_skipped_cells(session, question) if session and question else None

    def plan(self, planned: RunPlan) -> str:
        """See `Desk.plan`."""
        if self.status == "running":
            raise ToolError("the run is working: say stop first; `skip ...` and notes are taken at any time")
        if planned != self.planned or self.record.started:
            self._change("the change of the plan", planned)
        lines = describe_plan(self.planned, self.collection(), auto=self._template.spec.auto)
        return "\n".join([*lines, "Say yes to start, or change anything."] if self.planned.text else lines)

    def start(self) -> str:
        """See `Desk.start`."""
        if self.status != "planned":
            raise ToolError(_NOT_STARTABLE.get(self.status, f"what should be done? {list_missing(self.planned)[0]}"))
        from atlantis_core.records import Goal
        from atlantis_dml.app.run import create_run

        text = self.planned.goal_text
        spec = replace(self._template.spec, goal=Goal(text), budget=self.planned.budget, beside=self.record.id)
        run, lines = create_run(replace(self._template, spec=spec), self._workspace, self.screen.progress)
        self._keep(run_id=run.id, started=True, undo=())
        self._hand_on_wishes()
        self.working.go(run.id)
        return "\n".join([f"Run {run.id} is started. Say stop, skip ..., or ask anything meanwhile.", *lines])

    def stop(self) -> str:
        """See `Desk.stop`."""
        if not self.working.is_busy():
            raise ToolError(
                "another process works on the run" if self.status == "running" else "nothing is working now"
            )
        self.working.stop()
        return "Stopping at the next sign of progress; what is done stays. `go on` continues."

    def go_on(self) -> str:
        """See `Desk.go_on`."""
        if self.status != "paused":
            raise ToolError(_NOT_PAUSED[self.status])
        self.working.go(self.record.run_id)
        return f"Run {self.record.run_id} goes on."

    def answer(self, answer: Mapping[str, Any]) -> str:
        """See `Desk.answer`."""
        if self.status != "waiting":
            raise ToolError("no protocol waits for an answer now")
        self.working.go(self.record.run_id, {"by": "in the chat", **answer})
        if answer["decision"] == "reject":
            return "Rejected: the run ends here."
        images = sum(one["count"] for one in answer["protocol"]["cells"]) if "protocol" in answer else None
        return "Approved." if images is None else f"Approved, changed to {count_noun(images, 'image')}."

    def leave_alone(self, words: str) -> str:
        """See `Desk.leave_alone`."""
        cells = parse_skipped_cells(words, self.collection())
        if self._is_planning():
            self._change(f"leaving {words} alone", replace(self.planned, skip=(*self.planned.skip, words)))
            return f"Left alone from the start: {words}."
        self._wish(f"leaving {words} alone", skip=cells)
        named = _join_cells(cells)
        return f"Left alone from now on: {named if named == words else f'{words} ({named})'}.{self._shown_again()}"

    def note(self, text: str) -> str:
        """See `Desk.note`."""
        if not text:
            raise ToolError("the note is empty")
        if self._is_planning():
            self._change("the note", replace(self.planned, notes=(*self.planned.notes, text)[-MOST_NOTES:]))
        else:
            self._wish("the note", notes=(text,))
        return "Noted for whoever drafts the next protocol" + ("; rules read no notes." if self._is_rules() else ".")

    def take_back(self) -> str:
        """See `Desk.take_back`."""
        if not self.record.undo:
            raise ToolError("there is nothing to take back; images that were made and answers that were sent stay")
        last = self.record.undo[-1]
        before = from_json(RunPlan, last["planned"]) if "planned" in last else self.planned
        session = self.session()
        if "planned" not in last and session:
            undo_constraints(session)
        self._keep(undo=self.record.undo[:-1], planned=before, started=last.get("started", self.record.started))
        return f"Taken back: {last['what']}.{self._shown_again()}"

    def show_question(self) -> str:
        """Show the protocol that waits, as it would be made now; return what to say where nothing of it is left."""
        session, question = self.session(), self.question()
        if session is None or question is None:
            return ""
        wished = drop_skipped_cells(session, question)
        if not wished["protocol"]["cells"]:
            return " Nothing is left of the protocol that waits: reject it, or undo."
        for line in [*describe_protocol(session, wished), ANSWER_HINT]:
            self.screen.line(line)
        return f" The protocol that waits is now {count_noun(wished['images'], 'image')}."

    def _shown_again(self) -> str:
        return self.show_question() if self.status == "waiting" else ""

    def _rested(self) -> None:
        self._reading = None  # captions may have given the collection facets

    def _is_planning(self) -> bool:
        if self.status == "done":
            raise ToolError("the run is done; state a goal for another one first")
        return self.status in {"none", "planned"}

    def _is_rules(self) -> bool:
        return self._template.spec.planner == "rules"

    def _change(self, what: str, planned: RunPlan) -> None:
        before = {"what": what, "planned": as_json(self.planned), "started": self.record.started}
        self._keep(planned=planned, started=False, undo=(*self.record.undo, before))

    def _wish(self, what: str, skip: tuple[Cell, ...] = (), notes: tuple[str, ...] = ()) -> None:
        session = self.session()
        assert session is not None
        former = read_constraints(session)
        write_constraints(
            session, replace(former, skip=former.skip + skip, notes=(former.notes + notes)[-MOST_NOTES:])
        )
        self._keep(undo=(*self.record.undo, {"what": what}))

    def _hand_on_wishes(self) -> None:
        """Give the run what was wished while it was planned."""
        session = self.session()
        if session and (self.planned.skip or self.planned.notes):
            cells = [cell for words in self.planned.skip for cell in parse_skipped_cells(words, session.collection)]
            write_constraints(
                session, replace(read_constraints(session), skip=tuple(cells), notes=self.planned.notes)
            )

    def _keep(self, **changes: Any) -> None:
        save_record(self._workspace, replace(self.record, **changes))


_NOT_STARTABLE = {
    "running": "the run is working already",
    "waiting": "a protocol waits for your answer first: approve or reject it",
    "paused": "a run is paused: say go on, or state a new goal",
    "done": "the run is done; state a goal for another one",
}
_NOT_PAUSED = {
    "none": "no run was started yet; state a goal",
    "planned": "nothing is paused; say yes to start what is planned",
    "running": "the run is working already",
    "waiting": "a protocol waits for your answer: approve or reject it",
    "done": "the run is done; state a goal for another one",
}


def _join_cells(cells: tuple[Cell, ...]) -> str:
    named = [" at ".join(filter(None, (c.class_name, f"{c.facet}={c.value}" if c.facet else ""))) for c in cells]
    return ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
