"""A collection's check-up: statistics and gaps, with one training or none, and no image made."""

from __future__ import annotations

from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.data.tasks import check_measurable, describe_single_class
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Gap, Measurement
from atlantis_core.run.before_after import gap_facts
from atlantis_core.run.diagnosis import diagnose
from atlantis_core.run.forecasting import forecast_facts, forecast_run
from atlantis_core.run.measurements import measure_frozen, measure_trial
from atlantis_core.run.session import Session
from atlantis_core.run.training_set import collect_real
from atlantis_core.run.trials import train_arm
from atlantis_core.statistics.confusions import count_confusions
from atlantis_core.statistics.counts import CollectionStatistics, collection_statistics
from atlantis_core.statistics.findings import group_gaps
from atlantis_core.statistics.gaps import find_gaps

_CONFUSIONS = 20


def diagnose_collection(session: Session, *, untrained: bool, top: int) -> dict[str, Any]:
    """Find where retrieval fails on a collection.

    With `untrained` the backbone is measured as it came, instead of training one baseline with the diagnosing seed.

    Returns:
        JSON-able: `counts`, `files` (found = used + left out by reason), `problems`, `facets`, `not_facets`,
        `findings` (gaps grouped into sentences), `gaps` (worst first), `confusions`, `measurement`, `model`,
        `duplicates`, `forecast` (what a run here can prove; None if no query counts).

    Raises:
        SetupError: No query has a positive, or the training diverged.
    """
    statistics = collection_statistics(session.collection, session.loaded.sealed, session.loaded.fingerprints)
    session.caption_if_no_facets()
    check_measurable(session.task)  # before anything is trained
    if line := describe_single_class(session.task):
        session.say(line)
    model, measurement, outcomes, gaps = _measured(session, untrained, top)
    collection = session.collection
    return {
        "collection": collection.name,
        "counts": _counts(statistics, session.spec.regime),
        "files": as_json(collection.files),
        "problems": [as_json(problem) for problem in collection.problems],
        "facets": list(collection.facets),
        "not_facets": dict(collection.not_facets),
        "splits_given": collection.splits_given,
        "duplicates": as_json(statistics.duplicates),
        "model": model,
        "measurement": as_json(measurement),
        "forecast": forecast_facts(forecast_run(session)),
        "findings": [as_json(group) | {"sentence": group.sentence} for group in group_gaps(gaps)],
        "gaps": [gap_facts(gap) for gap in gaps],
        "confusions": [as_json(found) for found in count_confusions(outcomes, session.task.queries)[:_CONFUSIONS]],
    }


def _measured(session: Session, untrained: bool, top: int) -> tuple[str, Measurement, QueryOutcomes, tuple[Gap, ...]]:
    """Return what was measured (`frozen` or a trial id), its figures, its outcomes and its gaps."""
    if untrained:
        measurement, outcomes = measure_frozen(session)
        return "frozen", measurement, outcomes, find_gaps(session.collection, outcomes, top)
    (trial,) = train_arm(session, [session.diagnosing_seed], collect_real(session))
    measured = measure_trial(session, trial)
    if measured is None:
        raise SetupError(f"the training diverged ({trial.error}); try --frozen, or another --backbone")
    return trial.id, *measured, diagnose(session, trial.id, top)


def _counts(found: CollectionStatistics, regime: str) -> dict[str, Any]:
    return {
        "classes": found.num_classes,
        "train": found.num_train,
        "validation": found.num_validation,
        "test": found.num_test,
        "train_per_class": dict(found.train_per_class),
        "validation_per_class": dict(found.validation_per_class),
        "gini": found.gini,
        "max_over_min": found.max_over_min,
        "untrained": list(found.untrained) if regime == "seen" else [],
        "facets": as_json(found.facet_tables),
        "sizes": as_json(found.sizes),
    }
