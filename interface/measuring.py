"""What `diagnose` and `evaluate` do, short of showing it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.errors import SetupError
from atlantis_dml.answering import say
from atlantis_dml.progress import screen_on_stderr

if TYPE_CHECKING:
    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.data.tasks import Restriction
    from atlantis_core.examination import Question
    from atlantis_core.records import Regime
    from atlantis_core.session import Session
    from atlantis_dml.assembly import Asked
    from atlantis_dml.progress import Screen


def diagnosis(asked: Asked, folder: Path | None, *, untrained: bool, top: int) -> dict[str, Any]:
    """Read DATA and find its gaps.

    Args:
        asked: Data and settings.
        folder: The workspace; trainings and captions in it are used again.
        untrained: Measure the backbone without training.
        top: How many gaps at most.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.checkup import check_up

    started = time.monotonic()
    with screen_on_stderr() as screen:
        session = solo_session("diagnose", asked, folder, screen)
        found = check_up(session, untrained=untrained, top=top)
    return found | {"backbone": session.backbone.architecture, "seconds": round(time.monotonic() - started, 2)}


def solo_session(purpose: str, asked: Asked, folder: Path | None, screen: Screen) -> Session:
    """Return a session that belongs to no run, with DATA read and the backbone found.

    Args:
        purpose: What captions and costs are kept under, with the collection.
        asked: Data and settings.
        folder: The workspace.
        screen: Shows progress, and what a person should read about collection and backbone.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.data.inspection import summary
    from atlantis_core.session import Session
    from atlantis_dml.assembly import (
        backbone_line,
        check_data,
        check_spec,
        keep_data,
        load_data,
        open_workspace,
        settled_backbone,
    )
    from atlantis_dml.chat_models import captioner_for

    check_data(asked.data)
    check_spec(asked.spec)
    store = open_workspace(folder)
    loaded = load_data(asked.data, store, asked.options, asked.spec.regime, screen.progress)
    spec, backbone = settled_backbone(asked.spec)  # loads torch, so bad data is refused before it
    for line in (summary(loaded.collection.problems), *loaded.notes, backbone_line(backbone)):
        if line:
            screen.line(line)
    collection_id = keep_data(loaded, store, spec.regime)
    spec = replace(spec, collection_id=collection_id)
    run_id = f"{purpose}-{collection_id[:16]}"
    return Session(store, run_id, spec, screen.progress, captioner_for(store, run_id, spec))


def evaluation(
    model: str,
    data: str,
    options: ReadOptions,
    regime: Regime,
    restrictions: tuple[Restriction | None, Restriction | None],
    folder: Path | None,
    question: Question,
    embedding: str | None,
) -> dict[str, Any]:
    """Measure MODEL on the validation task of DATA.

    Args:
        model: See `atlantis_dml.load_retriever`.
        data: A folder or a bundled name.
        options: Choice of columns.
        regime: `seen` or `unseen`.
        restrictions: Of the queries and of the gallery.
        folder: The workspace.
        question: What to measure.
        embedding: `head`, `body`, or None for what the model was trained for.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.data.inspection import summary
    from atlantis_core.data.tasks import retrieval_task
    from atlantis_core.examination import examine
    from atlantis_dml.assembly import check_data, load_data, open_workspace
    from atlantis_dml.retrievers import find_retriever

    started = time.monotonic()
    check_data(data)
    retriever = find_retriever(model, folder, embedding)
    if retriever.backbone.notice and retriever.head is None:
        say(retriever.backbone.notice)
    with screen_on_stderr() as screen:
        loaded = load_data(data, open_workspace(folder), options, regime, screen.progress)
        for line in (summary(loaded.collection.problems), *loaded.notes):
            if line:
                screen.line(line)
        task = retrieval_task(loaded.collection, regime, *restrictions)
        found = examine(retriever, task, question, screen.progress)
    about = {"model": model, "data": data, "split": "validation", "embedding": retriever.embedding}
    return about | found | {"seconds": round(time.monotonic() - started, 2)}


def check_split(split: str) -> None:
    """Refuse every split but validation.

    Raises:
        SetupError: Always for `test`, which is sealed.
    """
    if split == "test":
        raise SetupError("the test split is sealed; `atlantis test RUN` opens it once and writes that down")
    if split != "validation":
        raise SetupError(f"unknown --split {split!r}; only validation is measured (--split-column names a column)")
