"""Arms: the same recipe over several seeds, trained, measured and compared.

A round is judged by two arms that differ in nothing but the made images: same recipe, steps and seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.checkpoints import retriever_of, say_dims, trained_before
from atlantis_core.data.facets import MADE, ORIGIN
from atlantis_core.errors import ToolError, TrainingFailed
from atlantis_core.evaluation import measure_retriever
from atlantis_core.keys import content_key
from atlantis_core.learning import pictures
from atlantis_core.metrics.measure import average
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired import SCRATCH_SEED_SD, SEED_SD, compare
from atlantis_core.plain import as_json, from_json
from atlantis_core.records import Comparison, LabelledImage, Measurement, RunSpec, Trial
from atlantis_core.session import Session
from atlantis_core.store.workspace import Workspace

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.learning.sampler import TrainingImage
    from atlantis_core.rounds import MadeImage


def training_images(session: Session, made: Sequence[MadeImage]) -> list[TrainingImage]:
    """Return the collection's training images and the made ones with their sampling weights.

    Made images that the collection came with (`atlantis scenario merge`) are marked as such.
    """
    from atlantis_core.learning.sampler import TrainingImage

    real = [
        TrainingImage(image.id, image.path, image.label, synthetic=image.facets.get(ORIGIN) == MADE)
        for image in session.collection.of_split("train")
    ]
    extra = [
        TrainingImage(
            item.candidate.key,
            item.candidate.path,
            item.candidate.cell.class_name,
            synthetic=True,
            weight=item.weight,
        )
        for item in made
    ]
    return real + extra


def train_arm(session: Session, seeds: Sequence[int], images: Sequence[TrainingImage]) -> list[Trial]:
    """Train with each seed, side by side where there are several cores; what was trained before is returned.

    A training that diverges becomes a crashed trial, which compares worst; it is no error of the run.

    Args:
        session: The run.
        seeds: Of the trials, in this order. Their number decides the threads that each gets, and so the last bits.
        images: Training images, real and made.
    """
    from atlantis_core.learning.devices import on_cores
    from atlantis_core.learning.training import prepare, training_key

    started = time.monotonic()
    watched = TaskValidation(session)
    ids = [training_key(images, session.backbone, session.recipe, seed, watched) for seed in seeds]
    found = {trial_id: trained_before(session, trial_id) for trial_id in ids}
    missing = [(seed, trial_id) for seed, trial_id in zip(seeds, ids, strict=True) if found[trial_id] is None]
    if missing:
        prepare(images, session.backbone, session.recipe, session.cache, session.progress)
    parent = session.workspace.events.open_here()
    for trial in on_cores(lambda job: _traced(session, *job, images, parent), missing, at_once=len(seeds)):
        session.workspace.trials.add(trial)
        found[trial.id] = trial
    seconds = round((time.monotonic() - started) / max(1, len(missing)), 2)
    for _, trial_id in missing:
        session.workspace.ledger.spend(session.run_id, "seconds", seconds, f"trial/{trial_id}")
    trained = [trial for trial in found.values() if trial is not None]
    say_dims(session, [trial for trial in trained if (trial.seed, trial.id) in missing], len(images))
    return trained


def _traced(session: Session, seed: int, trial_id: str, images: Sequence[TrainingImage], parent: int | None) -> Trial:
    """Train one trial as a job of the trace; called from a thread of its own, which inherits no open event."""
    given = {"trial": trial_id, "seed": seed}
    with session.workspace.events.span(session.run_id, "job", f"training, seed {seed}", given, parent) as span:
        trial = _train(session, seed, trial_id, images)
        span.status = "failed" if trial.status == "crashed" else "done"
        span.output = {"text": trial.error or f"{trial.num_real} real and {trial.num_synthetic} made images"}
    return trial


def _train(session: Session, seed: int, trial_id: str, images: Sequence[TrainingImage]) -> Trial:
    """Train one trial; nothing but its folder is written here."""
    from atlantis_core.learning.training import train

    def progress(what: str, done: int, total: int) -> None:
        session.progress(f"{what}, seed {seed}", done, total)

    folder = session.workspace.models / trial_id
    started = time.monotonic()
    error = ""
    try:
        train(
            images,
            session.backbone,
            session.recipe,
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
    )


@dataclass(frozen=True, slots=True)
class TaskValidation:
    """Recall@1 on the session's validation task, for recipes that stop early by it.

    What is then measured on the same queries was chosen by them: it flatters the model a little.
    """

    session: Session

    @property
    def key(self) -> str:
        """Content address of queries and gallery."""
        return measurement_key(self.session, "validation")

    def __call__(self, retriever: Retriever) -> float:
        """Return Recall@1; higher is better."""
        measured, _ = measure_retriever(retriever, self.session.task, self.session.cache)
        return measured.recall_at[1]


def measure_trial(session: Session, trial: Trial) -> tuple[Measurement, QueryOutcomes] | None:
    """Measure a trial on validation, once; None for a crashed trial."""
    if trial.status == "crashed":
        return None
    return _measured(session, trial.id, lambda: retriever_of(trial))


def measure_frozen(session: Session) -> tuple[Measurement, QueryOutcomes]:
    """Measure the backbone without any training."""
    from atlantis_core.learning.retriever import frozen

    recipe = session.recipe
    key = content_key("frozen", [session.backbone.fingerprint, recipe.side_px])
    return _measured(session, key, lambda: frozen(session.backbone, recipe.trainable_fraction, recipe.side_px))


def measure_arm(session: Session, trial_ids: Iterable[str]) -> Measurement:
    """Return the mean measurement of an arm's finished trials.

    Raises:
        ToolError: Every trial crashed.
    """
    measured = [found for found in (measure_trial(session, trial) for trial in trials(session, trial_ids)) if found]
    if not measured:
        raise ToolError("every training of this arm crashed; there is nothing to measure")
    return average([measurement for measurement, _ in measured])


def compare_arms(
    session: Session, control: Sequence[str], candidate: Sequence[str], select: Iterable[str] | None = None
) -> Comparison:
    """Compare two arms on the same queries, seeds paired by position.

    Args:
        session: The run.
        control: Trial ids of the incumbent.
        candidate: Trial ids of the challenger.
        select: Ids of the queries to compare on; None means all.
    """
    labels = {image.id: image.label for image in session.task.queries}
    return compare(_outcomes(session, control), _outcomes(session, candidate), labels, select, seed_sd(session))


def seed_sd(session: Session) -> float:
    """Return the prior spread of Recall@1 between seeds of the run's recipe."""
    return SCRATCH_SEED_SD if session.from_scratch else SEED_SD


def trials(session: Session, trial_ids: Iterable[str]) -> list[Trial]:
    """Return trials by id.

    Raises:
        LookupError: No such trial; that is a bug.
    """
    found = {trial_id: session.workspace.trials.find(trial_id) for trial_id in trial_ids}
    unknown = [trial_id for trial_id, trial in found.items() if trial is None]
    if unknown:
        raise LookupError(f"no trial {unknown[0]!r} in the store")
    return [trial for trial in found.values() if trial is not None]


def queries_of(session: Session, cells: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return the ids of the validation queries in any of the cells (class, facet, value).

    In the `unseen` regime no query shows a class that may be targeted: there the facet value alone decides.
    """
    unseen = session.spec.regime == "unseen"
    wanted = {("" if unseen else name, facet, value) for name, facet, value in cells}

    def inside(image: LabelledImage) -> bool:
        own = {(image.label, "", "")} | {(image.label, name, value) for name, value in image.facets.items()}
        own |= {("", name, value) for name, value in image.facets.items()}
        return bool(own & wanted)

    return [image.id for image in session.task.queries if inside(image)]


def asked_queries(session: Session, trial_ids: Iterable[str]) -> set[str]:
    """Return the ids of the queries that count in an arm's figures: those with a partner in the gallery."""
    return {query for found in _outcomes(session, trial_ids) if found for query in found.ids}


def _outcomes(session: Session, trial_ids: Iterable[str]) -> list[QueryOutcomes | None]:
    measured = [measure_trial(session, trial) for trial in trials(session, trial_ids)]
    return [found[1] if found else None for found in measured]


def measurement_key(session: Session, subject: str) -> str:
    """Return the content address of a measurement: who is measured, on which queries and gallery, named how."""
    return content_key("measurement", [subject, pictures.VERSION, session.task_address])


def _measured(session: Session, subject: str, build: Callable[[], Retriever]) -> tuple[Measurement, QueryOutcomes]:
    key = measurement_key(session, subject)
    file = session.workspace.path("measurements") / f"{key}.npz"
    receipt = session.workspace.receipts.find(key)
    if receipt and file.exists():
        return from_json(Measurement, receipt), QueryOutcomes.load(file)
    started = time.monotonic()
    measurement, outcomes = measure_retriever(build(), session.task, session.cache)
    outcomes.save(file)
    session.workspace.receipts.file(key, "measurement", as_json(measurement), time.monotonic() - started)
    whose = {"run_id": session.run_id, "spec": as_json(session.spec)}
    part = bool(session.spec.query or session.spec.gallery)
    session.workspace.receipts.file(_measuring_key(subject, part), "measured by", whose, 0.0)
    return measurement, outcomes


def measuring_session(workspace: Workspace, trial_id: str) -> Session | None:
    """Return the session that measured a trial first, if possible with all queries; None where none did."""
    found = workspace.receipts.find(_measuring_key(trial_id, False))
    found = found or workspace.receipts.find(_measuring_key(trial_id, True))
    return Session(workspace, found["run_id"], from_json(RunSpec, found["spec"])) if found else None


def _measuring_key(subject: str, part: bool) -> str:
    return content_key("measured by", [subject, "part"] if part else [subject])
