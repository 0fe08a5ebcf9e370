"""A run and its trials as records of an experiment tracker: settings, figures by round, loss curves, files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.learning.models.checkpoint import FACTS_NAME, read_losses
from atlantis_core.metrics import METRICS
from atlantis_core.records import Measurement, Trial
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import measurement_hash
from atlantis_core.run.round import Round, read_rounds
from atlantis_core.run.session import Session
from atlantis_core.run.summary import summarise
from atlantis_core.run.verdicts import describe_overrides
from atlantis_core.store.events import Event
from atlantis_core.store.runs import Run
from atlantis_core.store.workspace import Workspace
from atlantis_dml.tracing.spans import find_end_ns

_MS = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """One point of one curve."""

    name: str
    value: float
    step: int
    at_ms: int
    """The same in every export, so that a point sent again is not a duplicate."""


@dataclass(slots=True)
class Record:
    """A run, or a trial below it."""

    key: str
    name: str
    started_ms: int
    ended_ms: int
    status: str
    """`running`, `paused`, `waiting`, `stopped`, `failed` or `done`."""
    settings: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """Path in the tracker -> text."""
    parts: list[Record] = field(default_factory=list)


def build_record(workspace: Workspace, run: Run, events: Sequence[Event]) -> Record:
    """Return a run as it stands, finished or not, with the trials it used."""
    started = round(run.created * _MS)
    folder, summary = workspace.folder / "runs" / run.id, summarise(workspace, run.id)
    session = Session(workspace, run.id, run.spec)
    rounds, parts = read_rounds(session), _trials(session, events)
    # By people, after a round was measured; a tag, since tags can be replaced and points cannot.
    changed = {entry["index"]: describe_overrides(entry["images"]) for entry in summary["rounds"]}
    recipe = next((part.settings for part in parts if part.settings.get("recipe.steps")), {})
    return Record(
        key=run.id,
        name=run.id,
        started_ms=started,
        ended_ms=max([started, *(find_end_ns(event) // 1_000_000 for event in events)]),
        status=str(summary["status"]),
        settings=_flat(as_json(run.spec)) | {k: v for k, v in recipe.items() if k.startswith("recipe.")},
        tags=_tags(workspace, run)
        | {"atlantis.status": str(summary["status"]), "atlantis.stop_reason": str(summary["stop_reason"])}
        | {"atlantis.hands_since": "; ".join(f"round {index}: {text}" for index, text in changed.items() if text)},
        figures=[
            *_by_round(session, rounds, started),
            *_list_round_results(summary, started),
            *_at_the_end(summary, started),
        ],
        files=_files(folder, rounds),
        parts=parts,
    )


def build_started_record(workspace: Workspace, run: Run) -> Record:
    """Return the record of a run that has just started."""
    started = round(run.created * _MS)
    return Record(run.id, run.id, started, started, "running", _flat(as_json(run.spec)), _tags(workspace, run))


def _tags(workspace: Workspace, run: Run) -> dict[str, str]:
    return {
        "atlantis.run_id": run.id,
        "atlantis.thread_id": run.id,
        "atlantis.workspace": str(workspace.folder),
        "mlflow.note.content": run.spec.goal.text,
    }


def _by_round(session: Session, rounds: Iterable[Round], at_ms: int) -> Iterable[Figure]:
    """Yield the measurements: step 0 is the baseline, step N the candidate of round N."""
    measured = [(0, session.read(0, JournalKind.BASELINE)), *((found.index, found.measurement) for found in rounds)]
    for index, measurement in measured:
        if measurement is not None:
            yield from _list_metrics(as_json(measurement), "", index, at_ms)
    if (frozen := session.read(0, JournalKind.FROZEN)) is not None:
        yield from _list_metrics(as_json(frozen), "frozen_", 0, at_ms)


def _list_metrics(measurement: Mapping[str, Any], prefix: str, step: int, at_ms: int) -> Iterable[Figure]:
    """Yield what there is: without a query no figure, which the tracker could not tell from one of 0."""
    figures = {f"recall_at_{k}": value for k, value in measurement["recall_at"].items()}
    figures |= {name: measurement.get(name) for name in METRICS}
    for name, value in figures.items():
        if value is not None:
            yield Figure(f"{prefix}{name}", value, step, at_ms)


def _list_round_results(summary: Mapping[str, Any], at_ms: int) -> Iterable[Figure]:
    """Yield the results of judged rounds, overall and on targeted cells (`gap_`); before, images may change."""
    for entry in summary["rounds"]:
        if not entry["judged"]:
            continue
        step = entry["index"]
        for name in ("made", "kept"):
            yield Figure(f"images_{name}", entry["images"][name], step, at_ms)
        yield Figure("round_kept", float(entry["kept"]), step, at_ms)
        for prefix, change in (("gap_", entry["gap_recall_at_1"]), ("", entry["recall_at_1"])):
            if change:
                yield from _change(f"{prefix}recall_at_1", change, step, at_ms)


def _change(name: str, change: Mapping[str, Any], step: int, at_ms: int) -> Iterable[Figure]:
    for part in ("before", "after", "gain", "low", "high", "p_value"):
        yield Figure(f"{name}_{part}", change[part], step, at_ms)


def _at_the_end(summary: Mapping[str, Any], at_ms: int) -> Iterable[Figure]:
    """Yield figures of finished runs only, since they would change between exports."""
    if summary["status"] != "done":
        return
    for unit, amount in summary["spent"].items():
        yield Figure(f"spent_{unit}", float(amount), 0, at_ms)
    if summary["planted_gap"]:
        yield from _change("planted_gap_recall_at_1", summary["planted_gap"], 0, at_ms)
    if summary["final"]:
        yield from _list_metrics(summary["final"], "final_", 0, at_ms)


def _trials(session: Session, events: Sequence[Event]) -> list[Record]:
    """Return the trials that a run trained, found in its trace; a trial can belong to several arms."""
    rounds = {event["id"]: (event["input"] or {}).get("round", 0) for event in events if event["kind"] == "planner"}
    jobs = {event["input"]["trial"]: event for event in events if event["kind"] == "job"}
    found: dict[str, Record] = {}
    arms: dict[str, list[str]] = {}
    for event in events:
        if event["name"] != "train_retriever" or event["status"] != "done":
            continue
        arm = f"{(event['input'] or {}).get('arm')}@{rounds.get(event['parent'], 0)}"
        for payload in event["output"]["artifact"]:
            trial = session.workspace.trials.find(payload["id"])
            if trial is not None:
                arms.setdefault(trial.id, []).append(arm)
                found.setdefault(trial.id, _trial(session, trial, arm, jobs.get(trial.id, event)))
    kinds = {event["id"]: event["kind"] for event in events}
    for trial_id, job in jobs.items():  # trained in a pilot, or as one more seed for the judge
        trial = session.workspace.trials.find(trial_id)
        if trial is not None and trial_id not in found:
            arms[trial_id] = [str(kinds.get(job["parent"], "judge"))]
            found[trial_id] = _trial(session, trial, arms[trial_id][0], job)
    for trial_id, record in found.items():
        record.tags["atlantis.arms"] = ", ".join(arms[trial_id])
    return list(found.values())


def _trial(session: Session, trial: Trial, arm: str, event: Event) -> Record:
    started, folder = round(event["started"] * _MS), Path(trial.path)
    facts = {}
    if trial.path and (folder / FACTS_NAME).is_file():  # else deleted to free space
        facts = json.loads((folder / FACTS_NAME).read_text(encoding="utf-8"))
    settings = {"seed": trial.seed, "num_real": trial.num_real, "num_synthetic": trial.num_synthetic, "arm": arm}
    curve = _curve(folder, facts, started, trial.seconds) if trial.path else []
    cached = session.workspace.results.find(measurement_hash(session, trial.id))
    return Record(
        key=f"{session.run_id}/{trial.id}",
        name=f"{arm} seed {trial.seed}",
        started_ms=started,
        ended_ms=started + round(trial.seconds * _MS),
        status="failed" if trial.status == "crashed" else "done",
        settings=settings | _flat(facts.get("recipe") or {}, "recipe."),
        tags={
            "atlantis.run_id": session.run_id,
            "atlantis.thread_id": session.run_id,
            "atlantis.trial_id": trial.id,
            "atlantis.model_folder": trial.path,
            "atlantis.error": trial.error,
        },
        figures=[*(_list_metrics(as_json(from_json(Measurement, cached)), "", 0, started) if cached else ()), *curve],
        files={FACTS_NAME: json.dumps(facts, indent=1)} if facts else {},
    )


def _curve(folder: Path, facts: Mapping[str, Any], started_ms: int, seconds: float) -> Iterable[Figure]:
    """Yield the loss of every step and the validation figures; all steps are assumed to take equally long."""
    losses = read_losses(folder)
    each_ms = seconds * _MS / max(1, len(losses))
    for step, loss in enumerate(losses):
        if loss is not None:
            yield Figure("loss", loss, step, round(started_ms + each_ms * step))
    for step, value in facts.get("report", {}).get("measured", []):
        yield Figure("validation_recall_at_1", value, step, round(started_ms + each_ms * step))


def _files(folder: Path, rounds: Iterable[Round]) -> dict[str, str]:
    """Return the report, if it exists, and every round's protocol."""
    reports = [folder / name for name in ("report.html", "report.json")]
    files = {path.name: path.read_text(encoding="utf-8") for path in reports if path.is_file()}
    protocols = {found.index: as_json(found.protocol) for found in rounds if found.protocol is not None}
    return files | {f"protocols/round-{index}.json": json.dumps(p, indent=2) for index, p in protocols.items()}


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level with dotted names."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found
