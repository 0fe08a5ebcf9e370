"""Arms: the same recipe over several seeds, trained, measured and compared.

A round is judged by two arms that differ in nothing but the synthetic images: same recipe, steps and seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.learning.evaluation import measure_retriever
from atlantis_core.records import Trial, TrialOrigin
from atlantis_core.run.measurements import measurement_hash
from atlantis_core.run.session import Session
from atlantis_core.run.trial_checkpoints import find_trained_trial, report_dims

if TYPE_CHECKING:
    from atlantis_core.learning.inputs.pk_sampler import TrainingImage
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.learning.retriever import Retriever


def train_arm(
    session: Session, seeds: Sequence[int], images: Sequence[TrainingImage], recipe: Recipe | None = None
) -> list[Trial]:
    """Train with each seed, side by side where there are several cores; what was trained before is returned.

    Without a `recipe` it is the run's. A training that diverges becomes a crashed trial, which compares worst; it is
    not an error of the run. The number of seeds decides the threads that each training gets, and so the last bits.
    """
    from atlantis_core.base.parallel import map_on_cores
    from atlantis_core.learning.training.train import prepare_activations, training_key

    started = time.monotonic()
    watched, recipe = TaskValidation(session), recipe or session.recipe
    ids = [training_key(images, session.backbone, recipe, seed, watched) for seed in seeds]
    found = {trial_id: find_trained_trial(session, trial_id) for trial_id in ids}
    missing = [(seed, trial_id) for seed, trial_id in zip(seeds, ids, strict=True) if found[trial_id] is None]
    if missing:
        prepare_activations(images, session.backbone, recipe, session.cache, session.progress)
    origin = TrialOrigin(session.run_id, session.spec)
    # A run tests its own split: a trial that was trained outside of runs stays testable by itself.
    is_newer = not session.is_run
    for trial in filter(None, found.values()):
        session.workspace.trials.set_origin(trial, origin, newer=is_newer)
    parent = session.workspace.events.open_here()
    for trial in map_on_cores(
        lambda job: _train_with_trace(session, *job, images, recipe, parent), missing, at_once=len(seeds)
    ):
        session.workspace.trials.add(trial)
        found[trial.id] = trial
    seconds = round((time.monotonic() - started) / max(1, len(missing)), 2)
    for _, trial_id in missing:
        session.workspace.ledger.spend(session.run_id, "seconds", seconds, f"trial/{trial_id}")
    trained = [trial for trial in found.values() if trial is not None]
    report_dims(session, [trial for trial in trained if (trial.seed, trial.id) in missing], len(images))
    return trained


def _train_with_trace(
    session: Session,
    seed: int,
    trial_id: str,
    images: Sequence[TrainingImage],
    recipe: Recipe,
    parent: int | None,
) -> Trial:
    """Train one trial as a job of the trace; called from a thread of its own, which inherits no open event."""
    given = {"trial": trial_id, "seed": seed}
    with session.span("job", f"training, seed {seed}", given, parent) as span:
        trial = _train(session, seed, trial_id, images, recipe)
        span.status = "failed" if trial.status == "crashed" else "done"
        span.output = {"text": trial.error or f"{trial.num_real} real and {trial.num_synthetic} synthetic images"}
    return trial


def _train(session: Session, seed: int, trial_id: str, images: Sequence[TrainingImage], recipe: Recipe) -> Trial:
    """Train one trial; nothing but its folder is written here."""
    from atlantis_core.learning.training.train import train

    def progress(what: str, done: int, total: int) -> None:
        session.progress(f"{what}, seed {seed}", done, total)

    folder = session.workspace.models / trial_id
    started = time.monotonic()
    error = ""
    try:
        train(
            images,
            session.backbone,
            recipe,
            seed,
            folder,
            session.cache,
            progress,
            TaskValidation(session),
        )
    except TrainingFailed as failure:
        error = str(failure)
    num_made = sum(image.synthetic for image in images)
    return Trial(
        id=trial_id,
        seed=seed,
        status="crashed" if error else "finished",
        path="" if error else str(folder),
        num_real=len(images) - num_made,
        num_synthetic=num_made,
        seconds=round(time.monotonic() - started, 2),
        error=error,
        origin=TrialOrigin(session.run_id, session.spec),
    )


@dataclass(frozen=True, slots=True)
class TaskValidation:
    """Recall@1 on the session's validation task, for recipes that stop early by it.

    What is then measured on the same queries was chosen by them: it flatters the model a little.
    """

    session: Session

    @property
    def key(self) -> str:
        """Content hash of queries and gallery."""
        return measurement_hash(self.session, "validation")

    def __call__(self, retriever: Retriever) -> float:
        """Return Recall@1; higher is better."""
        measured, _ = measure_retriever(retriever, self.session.task, self.session.cache)
        recall = measured.recall_at[1]
        if recall is None:
            raise SetupError("no validation query has a positive, so no training can be stopped by its figures")
        return recall
