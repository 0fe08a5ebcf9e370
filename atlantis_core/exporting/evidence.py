"""What a model card may publish about a trial's data and figures: numbers, but no class or file names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.metrics import METRICS
from atlantis_core.metrics.intervals import wilson_interval
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Interval, Measurement
from atlantis_core.records.inline import INLINE
from atlantis_core.run.measurements import find_trial_session, find_trials, measure_arm, measure_frozen, measure_trial
from atlantis_core.run.models import split_model
from atlantis_core.run.round import read_final_arms
from atlantis_core.run.seal import read_test
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Figures:
    """How well something retrieves on the validation queries."""

    name: str
    """`this model`, `baseline` (same recipe and seeds, real images only) or `frozen`."""
    recall_at: Mapping[int, float | None]
    scores: Mapping[str, float | None] = field(metadata=INLINE)
    """By key of `metrics.METRICS`; as JSON, each is a key of the figures themselves."""
    recall_at_1: Interval | None
    """With its 95 % Wilson interval over queries; None where no query counts."""


@dataclass(frozen=True, slots=True)
class TrialEvidence:
    """Counts and figures of one trial."""

    real: int
    """Training images that are photos."""
    synthetic: int
    """Training images that are synthetic."""
    classes: int
    """Classes with training images."""
    regime: str
    queries: int
    """Validation queries with a positive."""
    gallery: int
    figures: tuple[Figures, ...]
    """This model first."""
    judged: bool
    """Whether rounds were kept or rolled back by these same queries."""
    test: Mapping[str, Any] | None = None
    """What `atlantis test` measured: `frozen`, `baseline`, `final`; None while the test split is sealed."""
    missing: tuple[str, ...] = ()
    """Figures that could not be computed, and why."""
    restricted: tuple[str, ...] = ()
    """Which of `queries` and `gallery` were restricted to one value of a column."""


def open_trial_session(workspace: Workspace, trial_id: str, run_id: str = "") -> Session | None:
    """Return a trial's session: its run's, else the one that it was trained in; None where none is known."""
    if not run_id:
        return find_trial_session(workspace, trial_id)
    run = workspace.runs.get(run_id)
    return Session(workspace, run.id, run.spec)


def collect_evidence(session: Session, model: str) -> TrialEvidence | None:
    """Collect the counts and figures of a trial, None for a crashed one; existing measurements are reused.

    `model` may name the serving with which it is searched, see `run.models`.
    """
    session = session.without_attack()  # the card of a model is about clean queries
    (trial,) = find_trials(session, [model])
    measured = measure_trial(session, trial, split_model(model)[1])
    if measured is None:
        return None
    frozen, missing = _frozen_figures(session)
    choices = {"queries": session.spec.query, "gallery": session.spec.gallery}
    arms = read_final_arms(session)
    baseline = _baseline_figures(session, model, arms.get("baseline", []))
    return TrialEvidence(
        real=trial.num_real,
        synthetic=trial.num_synthetic,
        classes=len({image.label for image in session.collection.of_split("train")}),
        regime=session.spec.regime,
        queries=measured[0].queries,
        gallery=len(session.task.gallery),
        figures=(_build_figures("this model", measured[0], measured[1]), *baseline, *frozen),
        judged=bool(arms),
        test=_test_figures(session) if model in arms.get("incumbent", []) else None,
        missing=missing,
        restricted=tuple(name for name, choice in choices.items() if choice),
    )


def list_validation_images(session: Session, most: int) -> list[Path]:
    """Return the paths of the first validation queries whose files still exist."""
    found = (Path(image.path) for image in session.task.queries)
    return [path for path in found if path.is_file()][:most]


def _frozen_figures(session: Session) -> tuple[tuple[Figures, ...], tuple[str, ...]]:
    try:
        measurement, outcomes = measure_frozen(session)
    except SetupError:  # the weights may be gone by now; the error would name their path
        return (), ("the frozen backbone, because the weights that training began with can no longer be read",)
    return (_build_figures("frozen", measurement, outcomes),), ()


def _baseline_figures(session: Session, model: str, arm: Sequence[str]) -> tuple[Figures, ...]:
    """Return the mean figures of the run's baseline arm, unless this model belongs to it."""
    if not arm or model in arm:
        return ()
    return (_build_figures("baseline", measure_arm(session, arm), None),)


def _build_figures(name: str, found: Measurement, outcomes: QueryOutcomes | None) -> Figures:
    recall = found.recall_at[1]
    if recall is None:
        return Figures(name, found.recall_at, found.scores, None)
    hits = float(outcomes.hit.sum()) if outcomes else recall * found.queries
    at_1 = wilson_interval(min(hits, found.queries), found.queries)
    return Figures(name, found.recall_at, found.scores, at_1)


def _test_figures(session: Session) -> Mapping[str, Any] | None:
    """Return the test figures of the final model, if the split was opened."""
    opened = read_test(session)
    if opened is None:
        return None
    keys, figures = ("recall_at", *METRICS, "queries"), as_json(opened.get("clean") or opened)
    return {
        name: {key: figures[name][key] for key in keys if key in figures[name]}
        for name in ("frozen", "baseline", "final")
    }
