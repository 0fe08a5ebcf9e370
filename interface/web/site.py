"""What the server holds for all browsers: the workspace, its conversations, and runs that were read lately."""

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
    from atlantis_core.run.session import Session
    from atlantis_core.run.verdicts import ScreenedCandidate
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_core.views.neighbours import Neighbours
    from atlantis_dml.chat.desk import RunTemplate


@dataclass(frozen=True)
class LoadedRun:
    """A run as it was read last; a list of runs needs no candidates, so they are read when they are asked for."""

    stamp: tuple[Any, ...]
    session: Session

    @cached_property
    def rows(self) -> list[ScreenedCandidate]:
        """Its candidates."""
        from atlantis_core.views.candidates import list_candidates

        return list_candidates(self.session)

    @cached_property
    def paths(self) -> dict[str, str]:
        """Image id or candidate key -> file; the sealed test split is not in it."""
        own = {image.id: image.path for image in self.session.collection.images}
        return own | {row.candidate.key: row.candidate.path for row in self.rows}


class Site:
    """Everything the pages ask for; safe to call from many threads.

    Args:
        workspace: Keeps conversations and runs.
        template: Settings of runs that are begun here.
        data: What conversations may be about; see `Conversations`.
    """

    def __init__(self, workspace: Workspace, template: RunTemplate, data: Sequence[str]) -> None:
        self.workspace = workspace
        self.conversations = Conversations(workspace, template, data)
        self.steering = Steering(workspace, self.conversations)
        self._lock = threading.RLock()
        self._looked: dict[str, LoadedRun] = {}
        self._loaded: dict[tuple[str, str, str], Neighbours] = {}

    def runs(self) -> list[tuple[Run, str]]:
        """Return every run and where it stands, newest first."""
        return [(run, self.workspace.standing(run)) for run in self.workspace.runs.all()]

    def look(self, run_id: str) -> LoadedRun:
        """Return a run as it stands now; read anew only where something happened since.

        Raises:
            NotFoundError: No such run.
        """
        from atlantis_core.run.session import Session

        run = self.workspace.runs.get(run_id)
        stamp = (*self.workspace.events.stamp([run.id]), *self.workspace.candidates.stamp(run.id), run.status)
        with self._lock:
            known = self._looked.get(run.id)
            if known is None or known.stamp != stamp:
                session = Session(self.workspace, run.id, run.spec)
                known = self._looked[run.id] = LoadedRun(stamp, session)
            return known

    def screening_model(self, run_id: str) -> Neighbours | None:
        """Return who finds training images near made ones, as they are screened; None before it is trained."""
        session = self.look(run_id).session
        diagnosing = read_final_arms(session).get("diagnosing")
        return self._neighbours(session, diagnosing[0], "train") if diagnosing else None

    def models(self, run_id: str) -> dict[str, str]:
        """Return the models of a run that can be searched with: name -> trial id; one seed of each arm.

        There is none after the run where no round was kept: it is the one of before.
        """
        arms = read_final_arms(self.look(run_id).session)
        names = {"before": "baseline", "after": "incumbent"}
        found = {name: arms[arm][0] for name, arm in names.items() if arms.get(arm)}
        return {name: trial for name, trial in found.items() if name == "before" or trial != found.get("before")}

    def searching(self, run_id: str, name: str) -> Neighbours:
        """Return who searches training and validation images with one of `models`.

        Raises:
            NotFoundError: The run has no such model.
        """
        models = self.models(run_id)
        if name not in models:
            known = ", ".join(models) or "none yet: nothing is judged"
            raise NotFoundError(f"run {run_id!r} has no model {name[:40]!r}; it has {known}")
        return self._neighbours(self.look(run_id).session, models[name], "all")

    def _neighbours(self, session: Session, trial_id: str, searched: str) -> Neighbours:
        from atlantis_core.views.neighbours import Neighbours

        collection = session.collection
        with self._lock:
            key = (session.run_id, trial_id, searched)
            if key not in self._loaded:
                images = collection.of_split("train") if searched == "train" else collection.images
                self._loaded[key] = Neighbours(session, trial_id, images)
            return self._loaded[key]
