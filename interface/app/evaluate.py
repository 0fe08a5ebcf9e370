"""Measures a model on validation queries, for `atlantis evaluate` and `atlantis plot`."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import open_stderr_screen
from atlantis_dml.app.request import TaskOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.data.tasks import RetrievalTask
    from atlantis_core.learning.attacks import Attack
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Collection, LabelledImage
    from atlantis_core.workflows.evaluate import EvaluationRequest
    from atlantis_dml.app.progress import Screen


@dataclass(frozen=True, slots=True)
class Subject:
    """A model and the images that it embeds, as typed."""

    model: str
    """See `atlantis_dml.load_retriever`."""
    data: str
    """A folder or a bundled name."""
    task: TaskOptions
    embedding: str | None = None
    """`head` or `body`; None takes the one that the model was trained for."""


def open_subject(
    subject: Subject,
    folder: Path | None,
    screen: Screen,
    columns: Mapping[str, str] | None = None,
    *,
    measured: bool = False,
) -> tuple[Retriever, Collection, RetrievalTask]:
    """Read DATA, load the model, and return model, collection and validation task.

    A metadata column in `columns` (by option) that is missing is refused before loading. With `measured`, a
    collection without facets gets measured ones.
    """
    from atlantis_dml.app.setup import check_data, find_data_folder, load_data, open_workspace

    check_data(subject.data)
    announce(f"loading {subject.model}, then reading {subject.data}")
    from atlantis_core.captioning.attributes import AttributeCaptioner, add_measured_facets
    from atlantis_core.data.columns import check_columns
    from atlantis_core.data.facets import describe_caption_facets
    from atlantis_core.data.reading import summarize_reading
    from atlantis_core.data.tasks import restriction_columns, retrieval_task
    from atlantis_dml.app.find_model import find_retriever

    task = subject.task
    store = open_workspace(folder)
    if columns:
        check_columns(find_data_folder(subject.data, store, screen.progress), task.columns(), columns)
    retriever = find_retriever(subject.model, folder, subject.embedding)
    reading = task.columns().keeping(restriction_columns(task.query, task.gallery))
    loaded = load_data(subject.data, store, reading, task.regime, screen.progress)
    notice = "the model's weights are random: it is neither pretrained nor trained"
    for line in (
        notice if retriever.weights == "random" else "",
        summarize_reading(loaded.collection),
        *loaded.notes,
    ):
        if line:
            screen.line(line)
    collection = loaded.collection
    if measured and not collection.facets:
        collection = add_measured_facets(collection, screen.progress)
        screen.line(describe_caption_facets(collection, AttributeCaptioner.name))
    return retriever, collection, retrieval_task(collection, task.regime, task.query, task.gallery)


def evaluate_model(
    subject: Subject, request: EvaluationRequest, folder: Path | None, pool: str | None = None
) -> dict[str, Any]:
    """Measure MODEL on the validation task of DATA; `pool` is a folder of unlabelled photos for the serving."""
    from atlantis_core.data.columns import values_within_classes
    from atlantis_core.workflows.evaluate import evaluate_model

    started = time.monotonic()
    photos = read_reference_pool(pool, request.serving) if pool is not None else ()
    with open_stderr_screen() as screen:
        both = {"--leave-out": request.leave_out, "--junk": request.junk}
        typed = {option: column for option, column in both.items() if column is not None}
        retriever, collection, task = open_subject(subject, folder, screen, typed, measured=True)
        read = subject.task.columns()
        columns = {name: values_within_classes(collection, read, name, option) for option, name in typed.items()}
        reference = photos or collection.of_split("train")
        request = replace(request, columns=columns, reference=reference)
        found = evaluate_model(retriever, task, request, screen.progress)
    about: dict[str, Any] = {
        "model": subject.model,
        "data": subject.data,
        "split": "validation",
        "regime": subject.task.regime,
        "embedding": retriever.embedding,
        "weights": retriever.weights,
        "training": retriever.training,
        "trained_on": _find_training_overlap(retriever, task, folder),
    }
    if pool is not None:
        about["pool"] = pool
    return about | found | {"seconds": round(time.monotonic() - started, 2)}


def read_reference_pool(folder: str, serving: str) -> tuple[LabelledImage, ...]:
    """Return the photos of an unlabelled folder, as reference of a serving.

    Raises:
        SetupError: The folder has no usable image, or the serving does not use any.
    """
    from atlantis_core.learning.serving.servings import parse_serving
    from atlantis_core.pool.pool_folder import PoolFolder
    from atlantis_core.records import LabelledImage

    if not parse_serving(serving).needs_reference:
        named = f"with --serving {serving}" if serving else "without --serving"
        raise SetupError(
            f"--pool {folder} has no effect {named}: nothing is fitted on its photos; try --serving csls"
        )
    return tuple(LabelledImage(image.id, image.path, "", "train") for image in PoolFolder(folder).images)


def _find_training_overlap(retriever: Retriever, task: RetrievalTask, folder: Path | None) -> dict[str, Any] | None:
    """Return how many queries and classes the model was trained on; None if its training is unknown."""
    from atlantis_core.base.serialization import as_json
    from atlantis_core.workflows.train_overlap import count_overlap, find_training_images
    from atlantis_dml.app.setup import has_runs, open_workspace

    store = open_workspace(folder)
    if retriever.training is None or not has_runs(store):
        return None
    photos = find_training_images(store, retriever.training)
    return None if photos is None else as_json(count_overlap(photos, task))


def check_split(split: str) -> None:
    """Refuse every split but validation.

    Raises:
        SetupError: Always for `test`, which is sealed.
    """
    if split == "test":
        raise SetupError("the test split is sealed; `atlantis test RUN|TRIAL` opens it once and records that")
    if split != "validation":
        raise SetupError(f"unknown --split {split!r}; only validation is measured (--split-column names a column)")


_FIELDS = {"epsilon": "epsilon", "attack-steps": "steps", "step-size": "step", "seed": "seed"}
"""Option -> field of `Attack`."""


def parse_attack(name: str | None, given: Mapping[str, Any]) -> Attack | None:
    """Return the attack of that name, or None; an option that was left out is None.

    Raises:
        SetupError: See `build_attack`; or there are options of an attack, but no attack.
    """
    if name is not None:
        return build_attack(name, given)
    for option, value in given.items():
        if value is not None:
            raise SetupError(f"{option} {value} has no effect without an attack; name one: fgsm or pgd")
    return None


def build_attack(name: str, given: Mapping[str, Any]) -> Attack:
    """Return the attack `fgsm` or `pgd`; an option that was left out is None.

    Raises:
        SetupError: Unknown name, invalid strength, or an option that fgsm does not use.
    """
    from atlantis_core.learning.attacks import Attack

    chosen = {option: value for option, value in given.items() if value is not None}
    unused = [option for option in ("attack-steps", "step-size", "seed") if option in chosen]
    if unused and name == "fgsm":
        raise SetupError(f"{unused[0]} has no effect with fgsm, which takes one step of length epsilon; use pgd")
    return Attack(name, **{_FIELDS[option]: value for option, value in chosen.items() if option in _FIELDS})
