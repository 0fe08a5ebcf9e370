"""Arms: the same recipe over several seeds, trained, measured and compared.

A round is judged by two arms that differ in nothing but the made images: same recipe, steps and seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from atlantis_core.errors import ToolError, TrainingFailed
from atlantis_core.evaluation import measure_retriever
from atlantis_core.keys import content_key
from atlantis_core.metrics.measure import average
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired import compare
from atlantis_core.plain import as_json, from_json
from atlantis_core.records import Comparison, LabelledImage, Measurement, Trial
from atlantis_core.session import Session

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.learning.sampler import TrainingImage
    from atlantis_core.rounds import MadeImage


def training_images(session: Session, made: Sequence[MadeImage]) -> list[TrainingImage]:
    """Return the real training images and the made ones with their sampling weights."""
    from atlantis_core.learning.sampler import TrainingImage

    real = [
        TrainingImage(image.id, image.path, image.label, synthetic=False, weight=1.0)
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


def train_trial(session: Session, seed: int, images: Sequence[TrainingImage]) -> Trial:
    """Train with one seed, or return the trial that did so before.

    A training that diverges becomes a crashed trial, which compares worst; it is no error of the run.
    """
    from atlantis_core.learning.training import train

    trial_id = content_key("trial", [session.backbone.fingerprint, session.recipe, seed, _identity(images)])
    found = session.workspace.trials.find(trial_id)
    if found:
        return found
    folder = session.workspace.models / trial_id
    started = time.monotonic()
    error = ""
    try:
        train(images, session.backbone, session.recipe, seed, folder, session.cache, session.progress)
    except TrainingFailed as failure:
        error = str(failure)
    num_made = sum(image.synthetic for image in images)
    trial = Trial(
        id=trial_id,
        seed=seed,
        status="crashed" if error else "finished",
        path="" if error else str(folder),
        num_real=len(images) - num_made,
        num_synthetic=num_made,
        seconds=round(time.monotonic() - started, 2),
        error=error,
    )
    session.workspace.trials.add(trial)
    session.workspace.ledger.spend(session.run_id, "seconds", trial.seconds, f"trial/{trial_id}")
    return trial


def measure_trial(session: Session, trial: Trial) -> tuple[Measurement, QueryOutcomes] | None:
    """Measure a trial on validation, once; None for a crashed trial."""
    if trial.status == "crashed":
        return None
    from atlantis_core.learning.retriever import load_retriever

    return _measured(session, trial.id, lambda: load_retriever(trial.path))


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
    return compare(_outcomes(session, control), _outcomes(session, candidate), labels, select=select)


def trials(session: Session, trial_ids: Iterable[str]) -> list[Trial]:
    """Return trials by id; ids that are unknown are a bug."""
    found = [session.workspace.trials.find(trial_id) for trial_id in trial_ids]
    return [trial for trial in found if trial is not None]


def queries_of(session: Session, cells: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return the ids of the validation queries in any of the cells (class, facet, value)."""
    wanted = set(cells)

    def inside(image: LabelledImage) -> bool:
        own = {(image.label, "", "")} | {(image.label, name, value) for name, value in image.facets.items()}
        return bool(own & wanted)

    return [image.id for image in session.task.queries if inside(image)]


def _outcomes(session: Session, trial_ids: Iterable[str]) -> list[QueryOutcomes | None]:
    measured = [measure_trial(session, trial) for trial in trials(session, trial_ids)]
    return [found[1] if found else None for found in measured]


def _measured(session: Session, subject: str, build: Callable[[], Retriever]) -> tuple[Measurement, QueryOutcomes]:
    task = session.task
    key = content_key("measurement", [subject, [image.id for image in task.queries + task.gallery]])
    file = session.workspace.path("measurements") / f"{key}.npz"
    receipt = session.workspace.receipts.find(key)
    if receipt and file.exists():
        return from_json(Measurement, receipt), QueryOutcomes.load(file)
    started = time.monotonic()
    measurement, outcomes = measure_retriever(build(), task, session.cache)
    outcomes.save(file)
    session.workspace.receipts.file(key, "measurement", as_json(measurement), time.monotonic() - started)
    return measurement, outcomes


def _identity(images: Sequence[TrainingImage]) -> list[tuple[str, str, float]]:
    return [(image.id, image.label, image.weight) for image in images]
