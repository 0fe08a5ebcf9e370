"""Measures trials on validation, each once, and compares arms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.tasks import RetrievalTask, check_measurable
from atlantis_core.learning.attacks import format_attack
from atlantis_core.learning.evaluation import measure_retriever
from atlantis_core.learning.inputs import preprocessing
from atlantis_core.learning.robustness import measure_attacked
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.metrics.measurement import average_measurements
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_test import SCRATCH_SEED_SD, SEED_SD, compare
from atlantis_core.records import Cell, Comparison, LabelledImage, Measurement, Trial
from atlantis_core.run.gallery import extend_gallery, split_photos
from atlantis_core.run.models import split_model
from atlantis_core.run.session import Session
from atlantis_core.run.trial_checkpoints import load_trial_retriever
from atlantis_core.store.workspace import Workspace

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever

ArmOutcomes = Sequence[QueryOutcomes | None]
"""Of an arm's trials, by judging seed; None for a crashed one."""


def measure_trial(
    session: Session, trial: Trial, serving: str = "", pool: Sequence[LabelledImage] = ()
) -> tuple[Measurement, QueryOutcomes] | None:
    """Measure a trial on validation, once; None for a crashed trial.

    `serving` is how its embeddings are searched (`learning.serving.servings`, and photos that `run.gallery` adds),
    fitted on the unlabelled photos of `pool`, or without any on those of the run's pool, else on the training photos.

    Raises:
        SetupError: No query has a positive, or the serving is unknown or does not fit the model.
    """
    if trial.status == "crashed":
        return None
    return _measure(session, trial.id, lambda: load_trial_retriever(trial), prepare_serving(session, serving, pool))


def find_outcomes(session: Session, model: str) -> QueryOutcomes | None:
    """Return outcomes of a model on validation, attacked in a run about attacked queries, if it was measured."""
    trial_id, serving = split_model(model)
    key = _hash_attacked(session, measurement_hash(session, trial_id, prepare_serving(session, serving)))
    file = session.workspace.path("measurements") / f"{key}.npz"
    return QueryOutcomes.load(file) if session.workspace.results.find(key) and file.exists() else None


def find_arm_outcomes(session: Session, models: Iterable[str]) -> ArmOutcomes | None:
    """Return each query's outcome in each model of an arm, as `load_outcomes` does, if all were measured before."""
    found: list[QueryOutcomes | None] = []
    for model in models:
        trial = session.workspace.trials.find(split_model(model)[0])
        has_crashed = trial is not None and trial.status == "crashed"
        outcomes = None if has_crashed else find_outcomes(session, model)
        if outcomes is None and not has_crashed:
            return None
        found.append(outcomes)
    return found


def measure_frozen(session: Session) -> tuple[Measurement, QueryOutcomes]:
    """Measure the backbone without any training."""
    from atlantis_core.learning.retriever import frozen_retriever

    recipe = session.recipe
    key = content_hash("frozen", [session.backbone.fingerprint, recipe.side_px])
    return _measure(
        session, key, lambda: frozen_retriever(session.backbone, recipe.trainable_fraction, recipe.side_px)
    )


def measure_arm(session: Session, models: Iterable[str]) -> Measurement:
    """Return the mean measurement of an arm's models whose training did not crash.

    Raises:
        ToolError: Every trial crashed.
    """
    measured = [found for found in _measure_models(session, models) if found]
    if not measured:
        raise ToolError("every training of this arm crashed; there is nothing to measure")
    return average_measurements([measurement for measurement, _ in measured])


def load_outcomes(session: Session, models: Iterable[str]) -> ArmOutcomes:
    """Return each query's outcome in each model of an arm; a model that was not measured yet is measured now."""
    return [found[1] if found else None for found in _measure_models(session, models)]


def _measure_models(session: Session, models: Iterable[str]) -> list[tuple[Measurement, QueryOutcomes] | None]:
    names = list(dict.fromkeys(models))
    return [
        measure_trial(session, trial, split_model(name)[1])
        for name, trial in zip(names, find_trials(session, names), strict=True)
    ]


def measure_model_on(session: Session, model: str, task: RetrievalTask) -> tuple[Measurement, QueryOutcomes] | None:
    """Measure a model of an arm on another task, such as the sealed test, without keeping it; None if it crashed."""
    (trial,) = find_trials(session, [model])
    if trial.status == "crashed":
        return None
    served = prepare_serving(session, split_model(model)[1])
    return measure_served(session, load_trial_retriever(trial), task, served)


def load_model(session: Session, model: str) -> Retriever:
    """Load the retriever of a model of an arm.

    Raises:
        SetupError: Its training crashed, or its checkpoint is gone or damaged.
    """
    (trial,) = find_trials(session, [model])
    return load_trial_retriever(trial)


def counted_queries(outcomes: ArmOutcomes) -> set[str]:
    """Return the ids of the queries that count in an arm's figures: those with a positive in the gallery."""
    return {query for found in outcomes if found for query in found.ids}


def compare_arms(
    session: Session,
    control: ArmOutcomes,
    candidate: ArmOutcomes,
    select: Iterable[str] | None = None,
    spread: float | None = None,
    history: Sequence[ArmOutcomes] = (),
) -> Comparison:
    """Compare two arms on the same queries (`select`: their ids; None means all), seeds paired by position.

    `spread` is the prior spread between seeds; None means that of two arms with a training each. `history` has other
    arms, from which it is learned. Where one arm has more seeds, its last ones are left out.

    An arm compared with itself has no gain and no interval: a gain of 0 is not an estimate.
    """
    labels = {image.id: image.label for image in session.task.queries}
    paired = min(len(control), len(candidate))
    prior = seed_sd(session) if spread is None else spread
    found = compare(control[:paired], candidate[:paired], labels, select, prior, history)
    return replace(found, gain=0.0, low=0.0, high=0.0, p_value=1.0) if candidate is control else found


def seed_sd(session: Session, control: Sequence[str] = (), candidate: Sequence[str] = ()) -> float:
    """Return the prior spread of Recall@1 between seeds of the run's recipe.

    It is 0 between two arms that consist of the same trials, searched in two ways: no training differs.
    """
    paired = min(len(control), len(candidate))
    trials = [[split_model(model)[0] for model in arm[:paired]] for arm in (control, candidate)]
    if trials[0] and trials[0] == trials[1]:
        return 0.0
    return SCRATCH_SEED_SD if session.from_scratch else SEED_SD


def find_trials(session: Session, models: Iterable[str]) -> list[Trial]:
    """Return the trial of each model of an arm.

    Raises:
        LookupError: No such trial; that is a bug.
    """
    found = {model: session.workspace.trials.find(split_model(model)[0]) for model in models}
    unknown = [model for model, trial in found.items() if trial is None]
    if unknown:
        raise LookupError(f"no trial {unknown[0]!r} in the store")
    return [trial for trial in found.values() if trial is not None]


def queries_in_cells(
    session: Session, cells: Iterable[Cell], queries: Iterable[LabelledImage] | None = None
) -> list[str]:
    """Return the ids of the queries in any of the cells: of those given, or of validation.

    In the `unseen` regime no query shows a class that may be targeted: there the facet value alone decides.
    """
    unseen = session.spec.regime == "unseen"
    wanted = {replace(cell, class_name="") if unseen else cell for cell in cells}

    def is_inside(image: LabelledImage) -> bool:
        own = (Cell(name, *pair) for pair in image.facets.items() for name in ("", image.label))
        return Cell(image.label) in wanted or any(cell in wanted for cell in own)

    return [image.id for image in (session.task.queries if queries is None else queries) if is_inside(image)]


def compare_in_cells(
    session: Session,
    control: ArmOutcomes,
    candidate: ArmOutcomes,
    cells: Iterable[Cell],
    spread: float | None = None,
    history: Sequence[ArmOutcomes] = (),
) -> Comparison | None:
    """Compare two arms on the queries in any of the cells, as `compare_arms` does; None if none of these counts."""
    counted = counted_queries(control)
    select = [query for query in queries_in_cells(session, cells) if query in counted]
    return compare_arms(session, control, candidate, select, spread, history) if select else None


@dataclass(frozen=True, slots=True)
class ServedWith:
    """A serving and the photos that it is fitted on."""

    serving: str
    """Canonical; empty for the nearest photo."""
    reference: tuple[LabelledImage, ...] = ()
    photos: tuple[LabelledImage, ...] = ()
    """What stands in the gallery beside the task's."""


PLAIN = ServedWith("")


def prepare_serving(session: Session, text: str, pool: Sequence[LabelledImage] = ()) -> ServedWith:
    """Return a serving with its reference photos: the pool's, or without a pool the training photos."""
    rest, photos = split_photos(session.workspace, text)
    serving = parse_serving(rest)
    if not serving.needs_reference:
        return ServedWith(str(serving), photos=photos)
    return ServedWith(str(serving), tuple(pool) or session.reference, photos)


def measurement_hash(session: Session, subject: str, served: ServedWith = PLAIN) -> str:
    """Return the content hash of a measurement: the model, its queries and gallery, their names, and the serving."""
    facts: list[object] = [subject, preprocessing.VERSION, session.task_hash]
    if served.serving:
        facts += [served.serving, [[image.id, image.label] for image in served.reference]]
    if served.photos:
        facts += ["photos", [[image.id, image.label] for image in served.photos]]
    return content_hash("measurement", facts)


def _hash_attacked(session: Session, key: str) -> str:
    """Return the content hash of a measurement in a session whose queries may be attacked."""
    attack = session.attack
    return key if attack is None else content_hash("attacked measurement", [key, format_attack(attack)])


def _measure(
    session: Session, subject: str, build: Callable[[], Retriever], served: ServedWith = PLAIN
) -> tuple[Measurement, QueryOutcomes]:
    key = _hash_attacked(session, measurement_hash(session, subject, served))
    file = session.workspace.path("measurements") / f"{key}.npz"
    cached = session.workspace.results.find(key)
    if cached and file.exists():
        return from_json(Measurement, cached), QueryOutcomes.load(file)
    check_measurable(session.task)
    started = time.monotonic()
    measurement, outcomes = measure_served(session, build(), session.task, served)
    outcomes.save(file)
    session.workspace.results.add(key, "measurement", as_json(measurement), time.monotonic() - started)
    return measurement, outcomes


def measure_served(
    session: Session, retriever: Retriever, task: RetrievalTask, served: ServedWith = PLAIN
) -> tuple[Measurement, QueryOutcomes]:
    """Measure a retriever on the run's kind of queries, clean or attacked, as it is served; nothing is kept.

    Raises:
        SetupError: The queries are attacked, and the retriever has a serving that the attack does not know.
    """
    searched = extend_gallery(task, served.photos)
    if session.attack is None:
        return measure_retriever(retriever, searched, session.cache, served.serving, served.reference)
    if served.serving:
        raise SetupError(
            f"serving {served.serving!r} cannot be measured under attack: the attack does not know it and would "
            "flatter it; leave the serving or the attack out"
        )
    return measure_attacked(retriever, searched, session.attack, session.cache, session.progress)


def find_trial_session(workspace: Workspace, trial_id: str) -> Session | None:
    """Return the session that a trial was trained in, if possible one with all queries; None if none is known."""
    trial = workspace.trials.find(trial_id)
    return Session(workspace, trial.origin.run_id, trial.origin.spec) if trial and trial.origin else None
