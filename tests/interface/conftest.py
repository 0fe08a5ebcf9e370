"""A small workspace written through the store: one kept round, one rolled back, every name hostile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json
from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.metrics import METRICS
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import (
    Budget,
    Candidate,
    Cell,
    CellRequest,
    Collection,
    Comparison,
    Decision,
    Gap,
    Goal,
    LabelledImage,
    Measurement,
    Protocol,
    RunEnd,
    RunSpec,
    Trial,
    Verdict,
)
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import measurement_hash
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace

HOSTILE = "<script>alert(1)</script>"
CLASSES = ("tug", HOSTILE)
VALUES = ("day", "night")
QUERIES_PER_CELL = 6
QUICK = ["--backbone", "scratch", "--preset", "smoke", "--set", "steps=4", "--set", "classes_per_batch=3"]
"""Of `atlantis train`: a training of seconds."""


@dataclass(frozen=True)
class Fabricated:
    workspace: Workspace
    run_id: str
    folder: Path


def write_picture(path: Path, number: int) -> Path:
    pixels = np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def _image(folder: Path, split: str, label: str, value: str, number: int) -> LabelledImage:
    place = CLASSES.index(label) * 100 + VALUES.index(value) * 50 + number + {"train": 0, "validation": 1000}[split]
    path = write_picture(folder / "photos" / f"{place}.png", place)
    return LabelledImage(f"{place:016x}", str(path), label, split, "both", {"light": value})  # type: ignore[arg-type]


def _collection(folder: Path) -> LoadedCollection:
    counts = {"train": 3, "validation": QUERIES_PER_CELL}
    images = tuple(
        _image(folder, split, label, value, number)
        for split, count in counts.items()
        for label in CLASSES
        for value in VALUES
        for number in range(count)
    )
    test = LabelledImage("f" * 16, str(write_picture(folder / "photos" / "test.png", 9)), "tug", "test")
    collection = Collection("photos", str(folder / "photos"), images, ("light",), {}, (), True, 1)
    prints = {image.id: fingerprint_file(image.path) for image in images}
    return LoadedCollection(collection, SealedSplit([test], [fingerprint_file(test.path)]), prints, ())


def _measurement(hits: int, queries: int) -> Measurement:
    share = hits / queries
    return Measurement({1: share, 2: share, 4: 1.0, 8: 1.0}, dict.fromkeys(METRICS, share / 2), queries, 0, {}, {})


def _trial(session: Session, name: str, seed: int, missed: int) -> str:
    """Keep a finished trial whose model misses the first `missed` queries."""
    trial_id = content_hash("trial", [name, seed])
    session.workspace.trials.add(Trial(trial_id, seed, "finished", f"/models/{trial_id}", 12, 0, 1.5))
    task = session.task
    hit = np.arange(len(task.queries)) >= missed
    returned = tuple(
        i.label if ok else CLASSES[i.label == CLASSES[0]] for i, ok in zip(task.queries, hit, strict=True)
    )
    key = measurement_hash(session, trial_id)
    QueryOutcomes(tuple(image.id for image in task.queries), hit, returned).save(
        session.workspace.path("measurements") / f"{key}.npz"
    )
    session.workspace.results.add(key, "measurement", as_json(_measurement(int(hit.sum()), len(hit))), 0.1)
    return trial_id


def _protocol(round_index: int) -> Protocol:
    cell = Cell(HOSTILE, "light", "night")
    return Protocol(
        id=f"protocol{round_index}",
        round=round_index,
        arm="edit",
        cells=(CellRequest(cell, 4, (f"a photo of {HOSTILE} at night",)),),
        objective=f"photos of {HOSTILE}",
        reason="1 cell has R@1 0.10",
        scorer="margin",
        synthetic_weight=1.0,
        expected_gain=0.2,
    )


def _make_images(session: Session, round_index: int) -> None:
    source = session.collection.images[0]
    keys = []
    for number in range(4):
        key = content_hash("candidate", [round_index, number])
        path = write_picture(session.workspace.objects / f"{key}.png", 5000 + round_index * 10 + number)
        session.workspace.candidates.add(
            Candidate(
                key=key,
                path=str(path),
                sha256="0" * 64,
                cell=Cell(HOSTILE, "light", "night"),
                prompt=f"a photo of {HOSTILE} at night",
                source_id=source.id,
                generator="photometric/1",
                settings={},
                seed=number,
                protocol_id=f"protocol{round_index}",
                round=round_index,
                seconds=0.5,
            )
        )
        session.workspace.ledger.spend(session.run_id, "images", 1, key)
        verdict = Verdict(key, number > 0, "margin", 0.1 * number, "score 0.1" if number else HOSTILE)
        session.workspace.candidates.judge(session.run_id, round_index, [verdict])
        keys.append(key)
    session.write(round_index, JournalKind.CANDIDATES, tuple(keys))


def _comparison(before: float, after: float) -> Comparison:
    return Comparison(before, after, after - before, after - before - 0.1, after - before + 0.1, 0.01, 24, 2)


def _trace(session: Session, round_index: int, kept: bool, trained: list[str]) -> None:
    events = session.workspace.events
    with events.span(session.run_id, "planner", "rules", {"round": round_index, "steps": []}) as decision:
        decision.tokens = 70
        decision.output = {"reason": "Make [bold]images[/bold].", "calls": [{"name": "generate_images", "args": {}}]}
    with events.span(session.run_id, "tool", "generate_images", {}, decision.id) as call:
        time.sleep(0.01)
        call.output = {"text": "4 images made", "artifact": {"images": 4}}
    with events.span(session.run_id, "tool", "train_retriever", {"arm": "candidate"}, decision.id) as call:
        seconds = zip(trained, (1.5, 2.5), strict=True)
        trials = [{"id": trial_id, "seconds": lasted} for trial_id, lasted in seconds]
        call.output = {"text": "candidate: 2 trainings", "artifact": trials}
    with events.span(session.run_id, "judge", f"round {round_index}", {"protocol": "p"}) as span:
        span.output = {"kept": kept, "reason": "because"}


def write_prompts(made: Fabricated, prompts: tuple[str, ...]) -> int:
    """Have the first decision of a run write prompts; return the event."""
    events, request = made.workspace.events, CellRequest(Cell("tug", "light", "night"), 4, prompts)
    decision = events.tree(made.run_id)[0]["id"]
    with events.span(made.run_id, "tool", "write_prompts", {}, decision) as call:
        call.output = {"text": f"such as: {prompts[0]}", "artifact": {"cells": [as_json(request)]}}
    return call.id


def gap(class_name: str = HOSTILE, value: str = "night") -> Gap:
    return Gap(Cell(class_name, "light", value), 0, 3.0, 0.1, 0.0, 0.3, 6, 0.5, "scarce", ("tug",), 1.5)


def begin(folder: Path, auto: bool = True) -> Session:
    """A run that has read its collection and done nothing else."""
    workspace = Workspace(folder / "workspace")
    spec = RunSpec(
        collection_id=workspace.collections.add(_collection(folder)),
        data=str(folder / "photos"),
        goal=Goal(f"mend {HOSTILE}"),
        budget=Budget(images=20, rounds=2),
        backbone="scratch",  # what a run without a backbone is pinned to where no hub can be reached
        auto=auto,
    )
    run = workspace.runs.create(spec)
    return Session(workspace, run.id, run.spec)


@pytest.fixture
def fabricated(tmp_path: Path) -> Fabricated:
    return fabricate(tmp_path)


def fabricate(folder: Path) -> Fabricated:
    """A finished run: baseline misses 12 of 24 queries, round 1 misses 4 and is kept, round 2 is rolled back."""
    session = begin(folder)
    queries = len(session.task.queries)
    baseline = [_trial(session, "baseline", seed, 12) for seed in (1, 2)]
    first = [_trial(session, "first", seed, 4) for seed in (1, 2)]
    session.write(0, JournalKind.FROZEN, _measurement(10, queries))
    session.write(0, JournalKind.BASELINE, _measurement(12, queries))
    for index, kept, hits in ((1, True, 20), (2, False, 19)):
        session.write(index, JournalKind.GAPS, (gap(), gap("tug", "day")))
        session.write(index, JournalKind.PROTOCOL, _protocol(index))
        _make_images(session, index)
        session.write(index, JournalKind.CANDIDATE, _measurement(hits, queries))
        change = _comparison(0.5, hits / queries)
        reason = "proven" if kept else "not proven"
        session.write(index, JournalKind.DECISION, Decision(kept, reason, change, change, change))
        session.write(index, JournalKind.ARMS, {"baseline": baseline, "incumbent": first, "candidate": first})
        _trace(session, index, kept, first)
    session.write(0, JournalKind.END, RunEnd("budget_spent", "all 2 rounds are done"))
    session.write(0, JournalKind.FINAL_ARMS, {"baseline": baseline, "incumbent": first})
    session.workspace.runs.mark(session.run_id, "done", "budget_spent")
    return Fabricated(session.workspace, session.run_id, folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of coloured noise, ten photos each."""
    draw = np.random.default_rng(0)
    for number, name in enumerate(("red", "green", "blue")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            pixels = draw.integers(0, 120, (40, 48, 3))
            pixels[..., number] += 100
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{index}.png")
    return tmp_path / "photos"


def session_of(fabricated: Fabricated) -> Session:
    """Return the session of the fabricated run."""
    run = fabricated.workspace.runs.get(fabricated.run_id)
    return Session(fabricated.workspace, run.id, run.spec)
