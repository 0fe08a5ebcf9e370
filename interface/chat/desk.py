"""The desk behind a conversation: its plan, its collection, its host, and its run, which works in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.chat.run_plan import RunPlan, describe_next_act, describe_plan, list_missing, read_plan_goal
from atlantis_core.chat.skip_phrases import parse_skipped_cells
from atlantis_core.run.approval import drop_skipped_cells
from atlantis_core.run.capabilities import explain_unshowable, find_unshowable
from atlantis_core.run.constraints import MOST_NOTES, read_constraints, undo_constraints, write_constraints
from atlantis_core.run.goals.clauses import check_goal
from atlantis_dml.agents.rules.host import RuleHost
from atlantis_dml.app.ask_approval import ANSWER_HINT, NOT_APPROVED, describe_protocol
from atlantis_dml.app.chat_models import RULES, build_model_calls
from atlantis_dml.app.run import RunWorker, create_run
from atlantis_dml.chat.record import ChatRecord, load_record, save_record
from atlantis_dml.chat.situation import WHY_NOT, describe_situation

if TYPE_CHECKING:
    from atlantis_core.records import Cell, Collection, Goal
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.calls import ModelCalls
    from atlantis_dml.agents.host import Host
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest

Status = Literal["none", "planned", "running", "waiting", "paused", "done"]


class ChatDesk:
    """Acts for a conversation, with the settings of a template; an `atlantis_dml.tools.desk.context.Desk`."""

    def __init__(self, record: ChatRecord, workspace: Workspace, template: RunRequest, screen: Screen) -> None:
        self._id, self.screen = record.id, screen
        self._workspace, self._template = workspace, template
        self._session: Session | None = None
        self._has_shown_plan = False
        """In this session: a conversation goes on for days, and a yes is for what was just seen."""
        self.worker = RunWorker(workspace, screen, self._forget_session)

    @property
    def record(self) -> ChatRecord:
        """The conversation as last saved; another process may have changed it."""
        return load_record(self._workspace, self._id)

    @property
    def planned(self) -> RunPlan:
        """The goal and budget."""
        return self.record.planned

    @property
    def status(self) -> Status:
        """The status of the newest plan or run."""
        if self.worker.is_busy():
            return "running"
        if self.planned.text and not self.record.started:
            return "planned"
        if not self.record.run_id:
            return "none"
        status = self._workspace.read_status(self._workspace.runs.get(self.record.run_id))
        return "paused" if status in {"stopped", "failed"} else status  # type: ignore[return-value]

    def situation(self) -> str:
        """See `Desk.situation`."""
        session, question = self.session(), self.question()
        approved = drop_skipped_cells(session, question) if session and question else None
        return describe_situation(self.status, self.planned, self.collection(), session, approved, self._generator)

    def collection(self) -> Collection:
        """See `Desk.collection`."""
        session = self.session()
        return session.collection if session else self._template_collection

    @cached_property
    def _template_collection(self) -> Collection:
        from atlantis_dml.app.setup import load_data

        spec, options = self._template.spec, self._template.options
        return load_data(spec.data, self._workspace, options, spec.regime, self.screen.progress).collection

    def session(self) -> Session | None:
        """See `Desk.session`."""
        if not self.record.run_id:
            return None
        if self._session is None or self._session.run_id != self.record.run_id:
            from atlantis_core.run.session import Session

            run = self._workspace.runs.get(self.record.run_id)
            self._session = Session(self._workspace, run.id, run.spec)
        return self._session

    def question(self) -> Mapping[str, Any] | None:
        """See `Desk.question`."""
        from atlantis_dml.graph.running import find_pending_question

        return find_pending_question(self._workspace, self.record.run_id) if self.status == "waiting" else None

    def pending_ask(self) -> Mapping[str, Any] | None:
        """Return the question that the run's planner asks the person now; None if it asks nothing."""
        from atlantis_dml.graph.running import find_pending_ask

        return find_pending_ask(self._workspace, self.record.run_id) if self.status == "waiting" else None

    def answer_ask(self, words: str) -> str:
        """Pass the person's words on to the planner; they approve nothing."""
        self.worker.start(self.record.run_id, {"decision": "respond", "words": words, "by": "in the chat"})
        return "Passed on to the planner; the run goes on."

    def host(self) -> Host:
        """Return who answers now; a chat model shares its dollar budget, as it is by now, with the run."""
        if self._template.spec.planner == RULES:
            return RuleHost()
        from atlantis_dml.agents.llm.host import ChatHost

        return ChatHost(self._build_calls(streaming=True))

    def plan(self, planned: RunPlan) -> str:
        """See `Desk.plan`."""
        if self.status == "running":
            raise ToolError("the run is working; say stop first (`skip ...` and notes work at any time)")
        check_goal(planned.goal_text)
        goal = self._read_goal(planned)
        if planned != self.planned or self.record.started:
            self._change("the change to the plan", planned)
        lines = describe_plan(self.planned, self.collection(), goal, auto=self._template.spec.auto)
        lines += self._describe_unshowable(goal) if self.planned.text else []
        if self._template.spec.planner != RULES:  # the person sees the plan itself, not a chat model's words for it
            for line in lines:
                self.screen.line(line)
        self._has_shown_plan = True
        return "\n".join([*lines, *describe_next_act(self.planned, self.collection(), goal)])

    def _read_goal(self, planned: RunPlan) -> Goal | None:
        """Return the planned goal as the chat model reads it; None without one. A run gets it from the cache."""
        if not planned.text or self._template.spec.planner == RULES:
            return None
        from atlantis_dml.app.goal_reading import read_goal_by_model

        return read_goal_by_model(self._build_calls(streaming=False), planned.goal_text, self.collection())

    def _build_calls(self, *, streaming: bool) -> ModelCalls:
        """Return the chat model's calls at the cost of this conversation, with its dollar budget as it is by now."""
        spec = replace(self._template.spec, budget=self.planned.budget, beside=self.record.run_id)
        return build_model_calls(self._workspace, self._id, spec, streaming=streaming)

    def _describe_unshowable(self, goal: Goal | None) -> list[str]:
        """Return a line on what the plan, as the chat model or else the rules read it, names and cannot be shown."""
        named = (goal or read_plan_goal(self.planned, self.collection())).cells
        found = find_unshowable(self._generator, named, self.collection())
        return [f"Note: {explain_unshowable(self._generator, found)}"] if found else []

    @property
    def _generator(self) -> str:
        return self._template.spec.generator

    def start(self, *, by_act: bool, after_plan: bool) -> str:
        """See `Desk.start`."""
        status = self.status
        if status == "none":
            raise ToolError(f"there is no goal yet: {list_missing(self.planned)[0]}")
        if status != "planned":
            raise ToolError(WHY_NOT[status])
        if not by_act and not (after_plan and self._has_shown_plan):
            plan = self.plan(self.planned)
            return f"Nothing was started: that yes follows no plan of this session. Here it is.\n{plan}"
        return self._begin()

    def _begin(self) -> str:
        from atlantis_core.records import Goal
        from atlantis_core.run.goals.reading import read_attack

        text = self.planned.goal_text
        spec = replace(
            self._template.spec,
            goal=Goal(text),
            budget=self.planned.budget,
            beside=self.record.id,
            attack=read_attack(text) or self._template.spec.attack,
        )
        run, lines = create_run(replace(self._template, spec=spec), self._workspace, self.screen.progress)
        self._keep(run_id=run.id, started=True, undo=())
        session = self.session()
        if session and (self.planned.skip or self.planned.notes):
            cells = [cell for words in self.planned.skip for cell in parse_skipped_cells(words, session.collection)]
            constraints = replace(read_constraints(session), skip=tuple(cells), notes=self.planned.notes)
            write_constraints(session, constraints)
        self.worker.start(run.id)
        began = f"Run {run.id} has started. Meanwhile you can say stop or skip ..., or ask anything."
        return "\n".join([began, *lines])

    def stop(self) -> str:
        """See `Desk.stop`."""
        if not self.worker.is_busy():
            elsewhere = self.status == "running"
            raise ToolError("another process is working on the run" if elsewhere else "no run is working now")
        self.worker.stop()
        return "Stopping at the next step; finished work is kept. Say go on to resume."

    def go_on(self) -> str:
        """See `Desk.go_on`."""
        if self.status != "paused":
            raise ToolError(WHY_NOT[self.status])
        self.worker.start(self.record.run_id)
        return f"Run {self.record.run_id} continues."

    def answer(self, answer: Mapping[str, Any]) -> str:
        """See `Desk.answer`."""
        if self.status != "waiting":
            raise ToolError("no protocol waits for approval now")
        self.worker.start(self.record.run_id, {"by": "in the chat", **answer})
        if answer["decision"] in NOT_APPROVED:
            return NOT_APPROVED[answer["decision"]]
        images = sum(one["count"] for one in answer["protocol"]["cells"]) if "protocol" in answer else None
        return "Approved." if images is None else f"Approved, changed to {count_noun(images, 'image')}."

    def leave_alone(self, words: str) -> str:
        """See `Desk.leave_alone`."""
        cells = parse_skipped_cells(words, self.collection())
        if self._is_planning():
            self._change(f"skipping {words}", replace(self.planned, skip=(*self.planned.skip, words)))
            return f"The run will skip {words}."
        self._constrain(f"skipping {words}", skip=cells)
        names = [" at ".join(filter(None, (c.class_name, f"{c.facet}={c.value}" if c.facet else ""))) for c in cells]
        named = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        return f"From now on the run skips {named if named == words else f'{words} ({named})'}.{self._show_again()}"

    def note(self, text: str) -> str:
        """See `Desk.note`."""
        if not text:
            raise ToolError("the note is empty")
        if self._is_planning():
            self._change("the note", replace(self.planned, notes=(*self.planned.notes, text)[-MOST_NOTES:]))
        else:
            self._constrain("the note", notes=(text,))
        return "Noted for the drafter of the next protocol" + (
            "; rules ignore notes." if self._template.spec.planner == RULES else "."
        )

    def take_back(self) -> str:
        """See `Desk.take_back`."""
        if not self.record.undo:
            raise ToolError("there is nothing to undo; generated images and sent answers cannot be undone")
        last = self.record.undo[-1]
        before = from_json(RunPlan, last["planned"]) if "planned" in last else self.planned
        session = self.session()
        if "planned" not in last and session:
            undo_constraints(session)
        self._keep(undo=self.record.undo[:-1], planned=before, started=last.get("started", self.record.started))
        return f"Undone: {last['what']}.{self._show_again()}"

    def show_question(self) -> str:
        """See `Desk.show_question`; skipped cells are left out."""
        session, question = self.session(), self.question()
        if session is None or question is None:
            return ""
        remaining = drop_skipped_cells(session, question)
        if not remaining["protocol"]["cells"]:
            return " All cells of the pending protocol are skipped now: reject it, or undo."
        for line in [*describe_protocol(session, remaining), ANSWER_HINT]:
            self.screen.line(line)
        return f" The pending protocol now has {count_noun(remaining['images'], 'image')}."

    def _show_again(self) -> str:
        return self.show_question() if self.status == "waiting" else ""

    def _forget_session(self) -> None:
        self._session = None  # captions may have added facets to the collection

    def _is_planning(self) -> bool:
        if self.status == "done":
            raise ToolError("the run is finished; state a goal for a new run first")
        return self.status in {"none", "planned"}

    def _change(self, what: str, planned: RunPlan) -> None:
        before = {"what": what, "planned": as_json(self.planned), "started": self.record.started}
        self._keep(planned=planned, started=False, undo=(*self.record.undo, before))

    def _constrain(self, what: str, skip: tuple[Cell, ...] = (), notes: tuple[str, ...] = ()) -> None:
        session = self.session()
        assert session is not None
        before = read_constraints(session)
        after = replace(before, skip=before.skip + skip, notes=(before.notes + notes)[-MOST_NOTES:])
        write_constraints(session, after)
        self._keep(undo=(*self.record.undo, {"what": what}))

    def _keep(self, **changes: Any) -> None:
        save_record(self._workspace, replace(self.record, **changes))
