"""Training on real images only, out of the loop: the same arm that a run compares its rounds with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.data.tasks import check_measurable, describe_single_class
from atlantis_core.importing.import_plan import describe_pairless_classes
from atlantis_core.learning.evaluation import describe_collapse, embed_task
from atlantis_core.learning.models.checkpoint import read_embed_dim
from atlantis_core.learning.training.presets import changed_settings
from atlantis_core.learning.training.unused_settings import find_unused_settings
from atlantis_core.metrics import METRICS
from atlantis_core.metrics.measurement import mean_and_sd
from atlantis_core.run.measurements import measure_arm, measure_frozen, measure_trial
from atlantis_core.run.training_set import collect_real
from atlantis_core.run.trials import train_arm
from atlantis_core.workflows.train_overlap import count_overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Trial
    from atlantis_core.run.session import Session


def train_baseline(session: Session, seeds: Sequence[int]) -> dict[str, Any]:
    """Train with each seed on the training split and measure on validation.

    Returns:
        JSON-able: `trials` (id, seed, path, seconds, `embed_dim` as it came out, figures, or the error of one that
        diverged), `recall_at_1` and `map_at_r` (each mean and sample standard deviation over seeds; None of a single
        one), `measurement` (their mean, with intervals over queries), `frozen`, `recipe`, `backbone`, `weights`
        (`random` or `pretrained`, that trainings began with), `queries`, `left_out`, `regime`, `trained_on` (queries
        and classes that were trained on too), and `chosen_on_queries`: whether the weights were chosen by the very
        queries that are measured.

    Raises:
        SetupError: No query has a positive, or every training diverged.
    """
    from atlantis_core.learning.losses.losses import check_loss

    session.caption_if_no_facets()
    check_measurable(session.task)  # before anything is trained
    if line := describe_single_class(session.task):
        session.say(line)
    frozen, _ = measure_frozen(session)
    if frozen.recall_at[1] == 0:
        _say_if_alike(session)
    images = collect_real(session)
    has_made = any(image.synthetic for image in images)
    idle = find_unused_settings(session.recipe, changed_settings(session.spec.preset), has_synthetic=has_made)
    options, _ = check_loss(session.recipe)
    pairless = describe_pairless_classes(image.label for image in images) if options.needs_pairs else []
    for line in [*pairless, *idle]:
        session.say(line)
    trials = train_arm(session, seeds, images)
    finished = [trial.id for trial in trials if trial.status == "finished"]
    if not finished:
        raise SetupError(
            f"every training diverged ({trials[0].error}); lower lr_trunk and lr_head, or change the loss"
        )
    rows = [_row(session, trial) for trial in trials]
    mean = measure_arm(session, finished)
    return {
        "trials": rows,
        "recall_at_1": mean_and_sd([row["recall_at"]["1"] for row in rows if "recall_at" in row]),
        "map_at_r": mean_and_sd([row["map_at_r"] for row in rows if "map_at_r" in row]),
        "measurement": as_json(mean),
        "frozen": as_json(frozen),
        "recipe": as_json(session.recipe),
        "backbone": session.backbone.architecture,
        "weights": session.backbone.weights,
        "queries": mean.queries,
        "left_out": mean.left_out,
        "regime": session.spec.regime,
        "trained_on": as_json(count_overlap(session.collection.of_split("train"), session.task)),
        "chosen_on_queries": session.recipe.validate_every > 0,
    }


def _say_if_alike(session: Session) -> None:
    """Say it where the untrained backbone finds nothing because it cannot tell photos apart."""
    from atlantis_core.learning.retriever import frozen_retriever

    recipe = session.recipe
    untrained = frozen_retriever(session.backbone, recipe.trainable_fraction, recipe.side_px)
    line = describe_collapse(embed_task(untrained, session.task, session.cache)[1])
    if line:
        session.say(f"frozen at {untrained.side_px} px: {line}")


def _row(session: Session, trial: Trial) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": trial.id, "seed": trial.seed, "seconds": trial.seconds}
    measured = measure_trial(session, trial)
    if measured is None:
        return facts | {"error": trial.error}
    figures: dict[str, Any] = as_json(measured[0])
    facts |= {"path": trial.path, "embed_dim": read_embed_dim(Path(trial.path))}
    return facts | {name: figures[name] for name in ("recall_at", *METRICS) if name in figures}
