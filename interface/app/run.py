"""A run: created, opened, given its agents, and worked on in a thread until it is done, waits or is paused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import AtlantisError, Stopped
from atlantis_core.base.ports import Progress
from atlantis_core.run.approval import drop_skipped_cells
from atlantis_core.run.goals.clauses import check_goal
from atlantis_dml.app.ask_approval import ANSWER_HINT, describe_ask, describe_protocol
from atlantis_dml.app.chat_models import RULES, build_eyes, build_model_calls, make_captioner_factory
from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import describe_last_round, make_watcher
from atlantis_dml.app.run_settings import check_spec, describe_backbone, pin_base_url, settle_backbone
from atlantis_dml.app.setup import check_data, load_data, store_data

if TYPE_CHECKING:
    from atlantis_core.base.stopping import StopToken
    from atlantis_core.run.session import Session
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest
    from atlantis_dml.graph.running import Outcome
    from atlantis_dml.tools.context import RunContext


def create_run(request: RunRequest, workspace: Workspace, progress: Progress) -> tuple[Run, list[str]]:
    """Read the collection and store a new run; return it, and lines for the person. Nothing is trained yet.

    Raises:
        SetupError: A setting or the data has to be fixed.
    """
    check_data(request.spec.data)
    check_goal(request.spec.goal.text)
    generator = check_spec(request.spec, request.spec.goal.text)
    announce(f"reading {request.spec.data}")
    from atlantis_core.data.reading import summarize_reading
    from atlantis_core.data.tasks import check_measurable, describe_single_class, retrieval_task
    from atlantis_core.generation.cut_paste.sources import check_masks
    from atlantis_core.learning.training.presets import describe_adaptation
    from atlantis_core.run.answers import describe_kept_answers
    from atlantis_core.run.capabilities import describe_unshowable_goal
    from atlantis_core.run.diagnosis import describe_unmeasured_goal
    from atlantis_core.run.forecasting import write_forecast
    from atlantis_core.run.goals.description import describe_goal
    from atlantis_core.run.memory import write_memory
    from atlantis_core.run.session import Session
    from atlantis_dml.app.goal_reading import create_with_goal

    request = replace(request, spec=pin_base_url(request.spec))
    loaded = load_data(request.spec.data, workspace, request.reading, request.spec.regime, progress)
    spec = request.spec
    task = retrieval_task(loaded.collection, spec.regime, spec.query, spec.gallery)
    check_measurable(task)
    if spec.masks is not None:
        check_masks(spec.masks, loaded.collection.of_split("train"))
    spec, backbone = settle_backbone(request.spec)
    collection_id = store_data(loaded, workspace, spec.regime)
    run, read = create_with_goal(replace(spec, collection_id=collection_id), loaded.collection, workspace)
    goal = run.spec.goal
    session = Session(workspace, run.id, run.spec)
    lines = [
        summarize_reading(loaded.collection),
        *loaded.notes,
        describe_backbone(backbone),
        describe_adaptation(spec.preset, spec.backbone, backbone),
        generator.notice,
        describe_single_class(task),
        *read,
        describe_goal(goal, loaded.collection),
        # In the regime `unseen` a facet value alone decides, because no query is of a class that may be named.
        describe_unmeasured_goal(goal, task.queries) if spec.regime == "seen" else "",
        describe_unshowable_goal(session),
        write_forecast(session),
        describe_kept_answers(session),
        write_memory(session),
    ]
    return run, [line for line in lines if line]


def open_session(workspace: Workspace, run: Run, screen: Screen) -> Session:
    """Return the session of a run; a screen shows its progress."""
    from atlantis_core.run.session import Session

    captioner = make_captioner_factory(workspace, run.id, run.spec)
    return Session(workspace, run.id, run.spec, screen.progress, captioner, screen.line)


def build_agents(session: Session, stop: StopToken | None = None) -> RunContext:
    """Return what nodes and tools receive, the planner included. Agents all use rules, or all use one chat model.

    Raises:
        SetupError: Unknown planner, no key for it, or its recording is missing.
    """
    from atlantis_core.base.stopping import StopToken
    from atlantis_dml.tools.context import RunContext

    stop = stop or StopToken()
    eyes = build_eyes(session.workspace, session.run_id, session.spec)
    if session.spec.planner == RULES:
        from atlantis_dml.agents.critics import RuleCritic
        from atlantis_dml.agents.rules.drafter import RuleDrafter
        from atlantis_dml.agents.rules.planner import RulePlanner
        from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter

        return RunContext(
            session, RulePlanner(), RuleDrafter(), TemplatePromptWriter(), critic=RuleCritic(), eyes=eyes, stop=stop
        )
    from atlantis_dml.agents.critics import ChatCritic
    from atlantis_dml.agents.llm.drafter import ChatDrafter
    from atlantis_dml.agents.llm.goal_reader import ChatGoalReader
    from atlantis_dml.agents.llm.insight import ChatInsight
    from atlantis_dml.agents.llm.planner import ChatPlanner
    from atlantis_dml.agents.llm.prompt_writer import ChatPromptWriter
    from atlantis_dml.tools import make_planner_tools

    calls = build_model_calls(session.workspace, session.run_id, session.spec)
    offered = make_planner_tools(has_person=not session.spec.auto, has_eyes=eyes is not None)
    return RunContext(
        session,
        ChatPlanner(calls, offered),
        ChatDrafter(calls, session),
        ChatPromptWriter(calls),
        ChatInsight(calls),
        ChatCritic(calls),
        eyes,
        stop,
        ChatGoalReader(calls),
    )


class RunWorker:
    """Works on one run at a time, in a thread; calls `on_rest` when it pauses, waits or is done."""

    def __init__(self, workspace: Workspace, screen: Screen, on_rest: Callable[[], None]) -> None:
        self._workspace, self._screen, self._on_rest = workspace, screen, on_rest
        self._thread: threading.Thread | None = None

    def is_busy(self) -> bool:
        """Whether a run is working now."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, run_id: str, answer: dict[str, Any] | None = None) -> None:
        """Start or resume a run, with the answer it waits for, if any."""
        session = open_session(self._workspace, self._workspace.runs.get(run_id), self._screen)
        self._thread = threading.Thread(target=self._work, args=(session, answer), name=f"run {run_id}", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Ask the run to pause; False if none is working or it was asked already."""
        if not self.is_busy() or self._screen.stop.is_requested():
            return False
        self._screen.stop.request()
        return True

    def wait(self) -> None:
        """Wait until no run is working."""
        while self._thread and self._thread.is_alive():
            self._thread.join(0.2)  # with a timeout, so that Ctrl-C gets through

    def _work(self, session: Session, answer: dict[str, Any] | None) -> None:
        from atlantis_dml.graph.running import STOPPED, advance
        from atlantis_dml.tracing.live import live_export, read_target_option

        try:
            run = self._workspace.runs.get(session.run_id)
            watch = make_watcher(self._screen, lambda: describe_last_round(session))
            with live_export(self._workspace, run, read_target_option(None), self._screen.line):
                outcome = advance(build_agents(session, self._screen.stop), answer, watch)
            self._on_rest()
            self._report(session, outcome)
        except Stopped:  # before the first step
            self._workspace.runs.mark(session.run_id, "paused", STOPPED)
        except AtlantisError as error:
            self._screen.line(f"x {error}")
        finally:
            self._screen.stop.clear()

    def _report(self, session: Session, outcome: Outcome) -> None:
        if outcome.status == "waiting" and outcome.question and "ask" in outcome.question:
            for line in describe_ask(outcome.question):
                self._screen.line(line)
        elif outcome.status == "waiting" and outcome.question:
            for line in [*describe_protocol(session, drop_skipped_cells(session, outcome.question)), ANSWER_HINT]:
                self._screen.line(line)
        elif outcome.status == "paused":
            self._screen.line(f"The run is paused: {outcome.problem}. Say `go on` to resume.")
        else:
            from atlantis_dml.report.report import write_report
            from atlantis_dml.text.figures import write_headline

            summary = write_report(self._workspace, session.run_id)
            self._screen.line(write_headline(summary))
            self._screen.line(f"Report: {summary['report_path']}")
