"""What all browsers share: the workspace, its conversations, and recently read runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import NotFoundError
from atlantis_core.run.round import read_final_arms
from atlantis_dml.web.conversations import Conversations
from atlantis_dml.web.steering import Steering

if TYPE_CHECKING:
    from atlantis_core.run.labelling import Labelling
    from atlantis_core.run.session import Session
    from atlantis_core.run.verdicts import ScreenedCandidate
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_core.views.neighbours import Neighbours
    from atlantis_dml.app.request import RunRequest


@dataclass(frozen=True)
class LoadedRun:
    """A run as read at one stamp. Candidates are read on first use."""

    stamp: tuple[Any, ...]
    session: Session

    @cached_property
    def rows(self) -> list[ScreenedCandidate]:
        """The run's candidates."""
        from atlantis_core.views.candidates import list_candidates

        return list_candidates(self.session)

    @cached_property
    def paths(self) -> dict[str, str]:
        """Image id or candidate key -> file, without the sealed test split."""
        own = {image.id: image.path for image in self.session.collection.images}
        return own | {row.candidate.key: row.candidate.path for row in self.rows}


class Site:
    """Everything the pages read; safe to call from many threads."""

    def __init__(self, workspace: Workspace, template: RunRequest, data: Sequence[str]) -> None:
        self.workspace = workspace
        self.conversations = Conversations(workspace, template, data)
        self.steering = Steering(workspace, self.conversations)
        self._lock = threading.RLock()
        self._runs: dict[str, LoadedRun] = {}
        self._models: dict[tuple[str, str, str], Neighbours] = {}
        self._labellings: dict[str, Labelling] = {}

    def list_runs(self) -> list[tuple[Run, str]]:
        """Return every run with its status, newest first."""
        return [(run, self.workspace.read_status(run)) for run in self.workspace.runs.all()]

    def load_run(self, run_id: str) -> LoadedRun:
        """Return a run in its current state; read again only after a change.

        Raises:
            NotFoundError: No such run.
        """
        from atlantis_core.run.session import Session

        run = self.workspace.runs.get(run_id)
        stamp = (*self.workspace.events.stamp([run.id]), *self.workspace.candidates.stamp(run.id), run.status)
        with self._lock:
            known = self._runs.get(run.id)
            if known is None or known.stamp != stamp:
                known = self._runs[run.id] = LoadedRun(stamp, Session(self.workspace, run.id, run.spec))
            return known

    def screening_model(self, run_id: str) -> Neighbours | None:
        """Return the training images in the space that candidates are screened in; None before that model exists."""
        session = self.load_run(run_id).session
        diagnosing = read_final_arms(session).get("diagnosing")
        return self._neighbours(session, diagnosing[0], "train") if diagnosing else None

    def list_models(self, run_id: str) -> dict[str, str]:
        """Return the models of a run to search with: `before` and `after` -> trial id of one seed.

        `after` is missing if no round was kept, since it would be the same model.
        """
        arms = read_final_arms(self.load_run(run_id).session)
        names = {"before": "baseline", "after": "incumbent"}
        found = {name: arms[arm][0] for name, arm in names.items() if arms.get(arm)}
        return {name: trial for name, trial in found.items() if name == "before" or trial != found.get("before")}

    def search_model(self, run_id: str, name: str) -> Neighbours:
        """Return the training and validation images in the space of one of `list_models`.

        Raises:
            NotFoundError: The run has no such model.
        """
        models = self.list_models(run_id)
        if name not in models:
            known = ", ".join(models) or "none yet, as nothing has been measured"
            raise NotFoundError(f"run {run_id!r} has no model {name[:40]!r}; known: {known}")
        return self._neighbours(self.load_run(run_id).session, models[name], "all")

    def open_labelling(self, run_id: str, *, again: bool = False) -> Labelling:
        """Return the questions about a run's pool; chosen anew if `again` and the run has got another model since.

        Raises:
            NotFoundError: No such run.
            SetupError: It has no pool.
        """
        from atlantis_core.run.labelling import Labelling, find_teacher
        from atlantis_dml.app.label import name_person

        session = self.load_run(run_id).session
        with self._lock:
            known = self._labellings.get(session.run_id)
            if known is None or (again and (not known.open_questions or known.model != find_teacher(session))):
                known = self._labellings[session.run_id] = Labelling(session, name_person())
            return known

    def _neighbours(self, session: Session, trial_id: str, gallery: str) -> Neighbours:
        from atlantis_core.views.neighbours import Neighbours

        collection = session.collection
        with self._lock:
            key = (session.run_id, trial_id, gallery)
            if key not in self._models:
                images = collection.of_split("train") if gallery == "train" else collection.images
                self._models[key] = Neighbours(session, trial_id, images)
            return self._models[key]
