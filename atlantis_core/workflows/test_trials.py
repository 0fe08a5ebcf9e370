"""The sealed test split for trainings of `atlantis train`: opened on the record, as for runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.evaluation import embed_task, measure_embeddings
from atlantis_core.metrics.measurement import mean_and_sd
from atlantis_core.records import Trial
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_trial_session
from atlantis_core.run.session import Session
from atlantis_core.run.trial_checkpoints import load_trial_retriever
from atlantis_core.workflows.test import build_test_task, list_other_openings, open_seal, read_opening_times

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.store.workspace import Workspace

PUBLISHED_KS = (1, 2, 4, 8, 10, 16, 20, 30, 32, 100, 1000)
"""The K that CUB, Cars196, Stanford Online Products and In-Shop are published with."""


def run_trial_test(workspace: Workspace, trials: Sequence[Trial], progress: Progress = no_progress) -> dict[str, Any]:
    """Measure trainings, the seeds of one recipe say, on the test split of their collection.

    Each opening is written down under the trial; a second call returns the first figures.

    Returns:
        `trials` (id, seed, `opened`: seconds since the epoch, one entry an opening, `opened_before`: whether this is
        not the first call, and the figures at every K of `PUBLISHED_KS`), `recall_at_1` and `map_at_r` (mean and
        sample standard deviation over trials), `frozen` (figures of the backbone before the first training),
        `queries`, `regime`, and `opened_by` (other runs and trials that opened the same split before).

    Raises:
        SetupError: One crashed, belongs to a run, or its collection has no test images; or they are of several
            collections. Nothing was opened then.
    """
    sessions = [_session_of(workspace, trial, progress) for trial in trials]
    if len({(session.loaded.sealed.address, session.spec.regime) for session in sessions}) > 1:
        raise SetupError("these trials were trained on different collections or splits; test each by itself")
    before = {trial.id: session.read(0, JournalKind.TEST) for session, trial in zip(sessions, trials, strict=True)}
    tested = [before[trial.id] or _measured(session, trial) for session, trial in zip(sessions, trials, strict=True)]
    rows = []
    for trial, one in zip(trials, tested, strict=True):
        facts = {"id": trial.id, "seed": trial.seed, "opened": one["opened"], "opened_before": bool(before[trial.id])}
        rows.append(facts | dict(one["trained"]))
    return {
        "trials": rows,
        "recall_at_1": mean_and_sd([row["recall_at"]["1"] for row in rows]),
        "map_at_r": mean_and_sd([row["map_at_r"] for row in rows]),
        "frozen": tested[0]["frozen"],
        "queries": rows[0]["queries"],
        "regime": sessions[0].spec.regime,
        "opened_by": [one for one in list_other_openings(sessions[0]) if one not in before],
    }


def _session_of(workspace: Workspace, trial: Trial, progress: Progress) -> Session:
    """Return the session that a trial was trained in, with a journal of the trial's own."""
    if trial.status == "crashed":
        raise SetupError(f"trial {trial.id!r} crashed ({trial.error}); there is nothing to test")
    found = find_trial_session(workspace, trial.id)
    if found is None:
        raise SetupError(f"this workspace does not know what trial {trial.id!r} was trained on; train it again here")
    if found.run_id in {run.id for run in workspace.runs.all()}:
        raise SetupError(f"trial {trial.id!r} is of a run; its test split opens by: atlantis test {found.run_id}")
    return Session(workspace, trial.id, found.spec, progress)


def _measured(session: Session, trial: Trial) -> dict[str, Any]:
    """Open the seal, measure, and keep the figures for whoever asks again."""
    from atlantis_core.learning.retriever import frozen_retriever

    session.require_images()
    trained = load_trial_retriever(trial)  # a checkpoint that is lost shows before the seal is opened
    untrained = frozen_retriever(session.backbone, session.recipe.trainable_fraction, session.recipe.side_px)
    task = build_test_task(session, open_seal(session))

    def figures(retriever: Retriever) -> Any:
        embedded = embed_task(retriever, task, session.cache, session.progress)
        return as_json(measure_embeddings(retriever.space, task, *embedded, PUBLISHED_KS)[0])

    opened = list(read_opening_times(session))
    found = {"opened": opened, "trained": figures(trained), "frozen": figures(untrained)}
    session.write(0, JournalKind.TEST, found)
    return found
