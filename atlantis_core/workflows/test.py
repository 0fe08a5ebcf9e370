"""The sealed test split, opened on the record: for a run its frozen, baseline and final model, or for trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.serialization import as_json
from atlantis_core.data.tasks import RetrievalTask, list_counted
from atlantis_core.harbor.planted import read_planted_gap
from atlantis_core.learning.evaluation import embed_task, measure_embeddings
from atlantis_core.metrics.exclusions import count_negatives
from atlantis_core.metrics.measurement import average_measurements, mean_and_sd
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_test import compare
from atlantis_core.records import Arms, LabelledImage, Measurement, Trial
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judged_cells import list_judged_cells
from atlantis_core.run.measurements import (
    counted_queries,
    find_trial_session,
    find_trials,
    measure_model_on,
    measure_served,
    queries_in_cells,
    seed_sd,
)
from atlantis_core.run.round import read_final_arms, read_judged_rounds
from atlantis_core.run.seal import (
    build_test_task,
    check_seal,
    count_seen_images,
    list_earlier_openings,
    open_seal,
    read_opening_times,
    read_test,
)
from atlantis_core.run.session import Session
from atlantis_core.run.trial_checkpoints import find_checkpoint, load_trial_retriever

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.store.workspace import Workspace

PUBLISHED_KS = (1, 2, 4, 8, 10, 16, 20, 30, 32, 100, 1000)
"""The K that CUB, Cars196, Stanford Online Products and In-Shop are published with."""

Measured = tuple[Measurement, QueryOutcomes]


def run_final_test(session: Session) -> dict[str, Any]:
    """Measure a run's frozen, baseline and final models on the test split; a second call returns the first result.

    The run must be finished: whoever has seen the test figures must not go on choosing.

    Returns:
        `opened` (seconds since the epoch, one entry an opening), `earlier` (openings whose figures do not count, and
        why), `opened_by` (ids of other runs and trials that opened images of this split before), `seen_images` (how
        many, by id), `images` (of the split), `frozen`, `baseline` and `final` (figures),
        `over_baseline` and, in a run about attacked queries, `attack` and `clean` (the figures without it); in a
        bundled world, `planted_gap` (comparisons); `rounds`, for each kept round that was judged on a part of the
        queries: `round`, `remedy`, and the final model over the baseline on that part (`targeted`) and on the
        `others`; `kept_nothing` where final and baseline are the same model.

    Raises:
        SetupError: The run is not done, or a test would be wasted (see `run.seal.check_seal`). Nothing was opened.
    """
    stored = read_test(session)
    if stored is not None:
        return stored
    arms = read_final_arms(session)
    if session.read(0, JournalKind.END) is None:
        raise SetupError(f"run {session.run_id!r} is not done; finish it with `atlantis resume` first")
    if not arms.get("baseline") or not arms.get("incumbent"):
        raise SetupError(f"run {session.run_id!r} trained no model; there is nothing to test")
    check_seal(session)
    for arm in ("baseline", "incumbent"):
        finished = [trial for trial in find_trials(session, arms[arm]) if trial.status == "finished"]
        if not finished:
            raise SetupError(f"every training of the {arm} crashed; there is no model to test, nothing was opened")
        for trial in finished:
            find_checkpoint(trial)
    opened = open_seal(session)
    result = _measure(session, arms, opened)
    session.write(0, JournalKind.TEST, result)
    return result


def _measure(session: Session, arms: Arms, images: tuple[LabelledImage, ...]) -> dict[str, Any]:
    from atlantis_core.learning.retriever import frozen_retriever

    task = build_test_task(session, images)
    untrained = frozen_retriever(session.backbone, session.recipe.trainable_fraction, session.recipe.side_px)
    baseline = _arm(session, task, arms["baseline"])
    kept_nothing = arms["baseline"] == arms["incumbent"]
    final = baseline if kept_nothing else _arm(session, task, arms["incumbent"])
    spread = seed_sd(session, arms["baseline"], arms["incumbent"])
    counted = counted_queries([found[1] for found in baseline if found])
    planted = [query for query in _queries_in(task, read_planted_gap(session.collection.root)) if query in counted]
    seen = count_seen_images(session)
    return {
        "opened": list(read_opening_times(session)),
        "earlier": [as_json(one) for one in list_earlier_openings(session)],
        "opened_by": list(seen),
        "seen_images": seen,
        "images": len(images),
        "kept_nothing": kept_nothing,
        "frozen": as_json(measure_served(session, untrained, task)[0]),
        "baseline": as_json(average_measurements([found[0] for found in baseline if found])),
        "final": as_json(average_measurements([found[0] for found in final if found])),
        "over_baseline": _compared(task, baseline, final, spread),
        "planted_gap": _compared(task, baseline, final, spread, planted) if planted else None,
        "rounds": _compare_rounds(session, task, (baseline, final), spread, counted),
        **({"attack": session.spec.attack, "clean": _measure_clean(session, task, arms)} if session.attack else {}),
    }


def _arm(session: Session, task: RetrievalTask, models: Sequence[str]) -> list[Measured | None]:
    """Measure the models of an arm, each with its serving; None for a crashed trial."""
    found: list[Measured | None] = []
    for model, trial in zip(models, find_trials(session, models), strict=True):
        session.progress(f"testing seed {trial.seed}", 0, 1)
        found.append(measure_model_on(session, model, task))
    return found


def _measure_clean(session: Session, task: RetrievalTask, arms: Arms) -> dict[str, Any]:
    """Return the figures of a run about attacked queries on the same queries without the attack."""
    from atlantis_core.learning.retriever import frozen_retriever

    clean, recipe = session.without_attack(), session.recipe
    untrained = frozen_retriever(session.backbone, recipe.trainable_fraction, recipe.side_px)
    baseline, final = (_arm(clean, task, arms[name]) for name in ("baseline", "incumbent"))
    spread = seed_sd(session, arms["baseline"], arms["incumbent"])
    return {
        "frozen": as_json(measure_served(clean, untrained, task)[0]),
        "baseline": as_json(average_measurements([found[0] for found in baseline if found])),
        "final": as_json(average_measurements([found[0] for found in final if found])),
        "over_baseline": _compared(task, baseline, final, spread),
    }


def _compared(
    task: RetrievalTask,
    control: Sequence[Measured | None],
    candidate: Sequence[Measured | None],
    spread: float,
    select: Sequence[str] | None = None,
) -> Any:
    """Compare on the seeds whose control did not crash; a crashed candidate counts as all missed.

    An unclear round gave one arm more seeds than the other, perhaps: the last ones have no pair.
    """
    pairs = [
        (before[1], after[1] if after else None) for before, after in zip(control, candidate, strict=False) if before
    ]
    labels = {image.id: image.label for image in task.queries}
    found = compare([b for b, _ in pairs], [a for _, a in pairs], labels, select, spread)
    if candidate is control:  # no round was kept: the same model, so a gain of 0 is not an estimate
        found = replace(found, gain=0.0, low=0.0, high=0.0, p_value=1.0)
    return as_json(found)


def _compare_rounds(
    session: Session,
    task: RetrievalTask,
    arms: tuple[Sequence[Measured | None], Sequence[Measured | None]],
    spread: float,
    counted: set[str],
) -> list[dict[str, Any]]:
    """Compare baseline and final model on what each kept round was judged on, and on the other queries."""
    found = []
    for judged in read_judged_rounds(session):
        cells = list_judged_cells(session, judged.protocol) if judged.is_kept else None
        inside = counted.intersection(queries_in_cells(session, cells or (), task.queries))
        if inside and inside != counted:
            parts = {"targeted": sorted(inside), "others": sorted(counted - inside)}
            gains = {name: _compared(task, *arms, spread, select) for name, select in parts.items()}
            found.append({"round": judged.index, "remedy": judged.protocol.remedy, **gains})
    return found


def _queries_in(task: RetrievalTask, cells: Sequence[tuple[str, str, str]]) -> list[str]:
    wanted = set(cells)
    return [
        image.id
        for image in task.queries
        if any((image.label, name, value) in wanted for name, value in image.facets.items())
    ]


def run_trial_test(workspace: Workspace, trials: Sequence[Trial], progress: Progress = no_progress) -> dict[str, Any]:
    """Measure trainings, the seeds of one recipe say, on the test split of their collection.

    Each opening is written down under the trial; a second call returns the first figures.

    Returns:
        `trials` (id, seed, `opened`: seconds since the epoch, one entry an opening, `earlier`: openings whose figures
        do not count, and why, `opened_before`: whether these are the figures of an earlier call, and the figures at
        every K of `PUBLISHED_KS`), `recall_at_1` and `map_at_r` (mean and sample standard deviation over trials),
        `frozen` (figures of the backbone before the first training),
        `queries`, `gallery` (images) and `negatives` (the most that a query has there; both None in figures of
        earlier versions), `regime`, `opened_by` (ids of other
        runs and trials that opened images of this split before), `seen_images` (how many, by id) and `images` (of the
        split).

    Raises:
        SetupError: One crashed, belongs to a run, or its test would be wasted (see `run.seal.check_seal`); or they
            are of several collections. Nothing was opened then.
    """
    sessions = [_session_of(workspace, trial, progress) for trial in trials]
    if len({(session.loaded.sealed.address, session.spec.regime) for session in sessions}) > 1:
        raise SetupError("these trials were trained on different collections or splits; test each by itself")
    before = {trial.id: read_test(session) for session, trial in zip(sessions, trials, strict=True)}
    for session, trial in zip(sessions, trials, strict=True):
        if before[trial.id] is None:  # all are checked before the first is opened
            session.require_images()
            check_seal(session)
            find_checkpoint(trial)
    tested = [
        before[trial.id] or _test_trial(session, trial) for session, trial in zip(sessions, trials, strict=True)
    ]
    rows = []
    for session, trial, one in zip(sessions, trials, tested, strict=True):
        facts = {"id": trial.id, "seed": trial.seed, "opened": one["opened"], "opened_before": bool(before[trial.id])}
        facts["earlier"] = [as_json(opening) for opening in list_earlier_openings(session)]
        rows.append(facts | dict(one["trained"]))
    seen = {run_id: count for run_id, count in count_seen_images(sessions[0]).items() if run_id not in before}
    return {
        "trials": rows,
        "recall_at_1": mean_and_sd([row["recall_at"]["1"] for row in rows]),
        "map_at_r": mean_and_sd([row["map_at_r"] for row in rows]),
        "frozen": tested[0]["frozen"],
        "queries": rows[0]["queries"],
        "gallery": tested[0].get("gallery"),
        "negatives": tested[0].get("negatives"),
        "regime": sessions[0].spec.regime,
        "opened_by": list(seen),
        "seen_images": seen,
        "images": len(sessions[0].loaded.sealed),
    }


def _session_of(workspace: Workspace, trial: Trial, progress: Progress) -> Session:
    """Return the session that a trial was trained in, with a journal of the trial's own."""
    if trial.status == "crashed":
        raise SetupError(f"trial {trial.id!r} crashed ({trial.error}); there is nothing to test")
    found = find_trial_session(workspace, trial.id)
    if found is None:
        raise SetupError(f"this workspace does not know what trial {trial.id!r} was trained on; train it again here")
    if found.is_run:
        raise SetupError(f"trial {trial.id!r} is of a run; its test split opens by: atlantis test {found.run_id}")
    return Session(workspace, trial.id, found.spec, progress)


def _test_trial(session: Session, trial: Trial) -> dict[str, Any]:
    """Open the seal, measure, and keep the figures for whoever asks again."""
    from atlantis_core.learning.retriever import frozen_retriever

    trained = load_trial_retriever(trial)  # a checkpoint that is lost shows before the seal is opened
    untrained = frozen_retriever(session.backbone, session.recipe.trainable_fraction, session.recipe.side_px)
    task = build_test_task(session, open_seal(session))

    def figures(retriever: Retriever) -> Any:
        embedded = embed_task(retriever, task, session.cache, session.progress)
        return as_json(measure_embeddings(retriever.space, task, *embedded, PUBLISHED_KS)[0])

    opened = list(read_opening_times(session))
    found = {
        "opened": opened,
        "gallery": len(task.gallery),
        "negatives": int(max(count_negatives(list_counted(task), task.gallery))),
        "trained": figures(trained),
        "frozen": figures(untrained),
    }
    session.write(0, JournalKind.TEST, found)
    return found
