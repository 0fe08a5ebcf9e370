"""Measurements of a small real training with a serving, against direct numpy on its embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.learning.evaluation import measure_retriever
from atlantis_core.learning.inputs import preprocessing
from atlantis_core.records import LabelledImage
from atlantis_core.run.measurements import (
    find_trial_session,
    find_trials,
    load_outcomes,
    measure_arm,
    measure_trial,
    measurement_hash,
)
from atlantis_core.run.models import name_model
from atlantis_core.run.session import Session
from atlantis_core.run.top_images import find_top_images
from atlantis_core.run.trial_checkpoints import load_trial_retriever
from atlantis_core.store.workspace import Workspace
from tests.interface.measured import Trained, train_photos


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_photos(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def session(trained: Trained) -> Session:
    found = find_trial_session(Workspace(trained.workspace), trained.model)
    assert found is not None
    return found


def _pool(session: Session) -> list[LabelledImage]:
    """Every second training photo without its label."""
    return [replace(image, label="") for image in session.collection.of_split("train")[::2]]


def _csls_top(session: Session, trained: Trained, reference: list[LabelledImage]) -> list[str]:
    """Return the class of the top-1 of every validation query by CSLS with k = 3."""
    retriever = load_trial_retriever(find_trials(session, [trained.model])[0])
    queries, gallery, others = (
        retriever.embed([image.path for image in images])
        for images in (session.task.queries, session.task.gallery, reference)
    )
    returned = []
    for query in queries:
        scores = []
        for photo, image in zip(gallery, session.task.gallery, strict=True):
            cosines = [
                float(photo @ other)
                for other, found in zip(others, reference, strict=True)
                if found.label != image.label
            ]
            scores.append(2 * float(query @ photo) - np.mean(sorted(cosines)[-3:]))
        returned.append(session.task.gallery[int(np.argmax(scores))].label)
    return returned


def test_a_serving_is_fitted_on_the_pool_and_kept_apart(session: Session, trained: Trained) -> None:
    trial = find_trials(session, [trained.model])[0]
    plain, pool = measure_trial(session, trial), _pool(session)
    served = measure_trial(session, trial, "csls:k=3", pool)
    assert plain is not None
    assert served is not None
    assert list(served[1].returned) == _csls_top(session, trained, pool)
    assert served[1].ids == plain[1].ids
    again = measure_trial(session, trial)
    assert again is not None
    assert again[0] == plain[0]


def test_a_model_of_an_arm_is_measured_as_it_is_searched(session: Session, trained: Trained) -> None:
    served = measure_trial(session, find_trials(session, [trained.model])[0], "csls:k=3")
    model = name_model(trained.model, "csls:k=3")
    (loaded,) = load_outcomes(session, [model])
    assert served is not None
    assert loaded is not None
    assert loaded.returned == served[1].returned
    assert measure_arm(session, [model]).recall_at == served[0].recall_at


def test_without_a_pool_training_photos_of_other_classes_are_the_reference(
    session: Session, trained: Trained
) -> None:
    served = measure_trial(session, find_trials(session, [trained.model])[0], "csls:k=3")
    assert served is not None
    assert list(served[1].returned) == _csls_top(session, trained, list(session.collection.of_split("train")))


def test_the_hash_of_a_plain_measurement_is_the_one_it_always_had(session: Session) -> None:
    expected = content_hash("measurement", ["subject", preprocessing.VERSION, session.task_hash])
    assert measurement_hash(session, "subject") == expected


def test_prototypes_of_a_retriever_are_class_means(session: Session, trained: Trained) -> None:
    retriever = load_trial_retriever(find_trials(session, [trained.model])[0])
    measured, outcomes = measure_retriever(retriever, session.task, session.cache, "prototypes")
    queries, gallery = (
        retriever.embed([image.path for image in part]) for part in (session.task.queries, session.task.gallery)
    )
    labels = np.array([image.label for image in session.task.gallery])
    names = sorted(set(labels))
    means = np.array([gallery[labels == name].mean(axis=0) for name in names])
    best = (queries @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).argmax(axis=1)
    assert outcomes.returned == tuple(names[row] for row in best)
    assert measured.queries == len(session.task.queries)


def test_an_unknown_serving_is_refused_before_anything_is_measured(session: Session, trained: Trained) -> None:
    with pytest.raises(SetupError, match="unknown serving 'hubs'"):
        measure_trial(session, find_trials(session, [trained.model])[0], "hubs")


def test_validation_photos_are_no_reference(session: Session, trained: Trained, tmp_path: Path) -> None:
    retriever = load_trial_retriever(find_trials(session, [trained.model])[0])
    with pytest.raises(SetupError, match="needs reference photos"):
        measure_retriever(retriever, session.task, session.cache, "csls", session.task.queries)


def test_the_top_image_is_the_one_whose_class_was_measured(session: Session, trained: Trained) -> None:
    retriever = load_trial_retriever(find_trials(session, [trained.model])[0])
    queries, gallery = (
        retriever.embed([image.path for image in images]) for images in (session.task.queries, session.task.gallery)
    )
    ids = [image.id for image in session.task.gallery]
    cosines = queries @ gallery.T
    for row, image in enumerate(session.task.queries):
        if image.id in ids:
            cosines[row, ids.index(image.id)] = -2.0
    nearest = {image.id: ids[cosines[row].argmax()] for row, image in enumerate(session.task.queries)}
    found = find_top_images(session, trained.model)
    assert {query: image.id for query, image in found.items()} == nearest

    served = name_model(trained.model, "csls:k=3")
    (outcomes,) = load_outcomes(session, [served])
    assert outcomes is not None
    tops = find_top_images(session, served)
    assert [tops[query].label for query in outcomes.ids] == list(outcomes.returned)
    assert tops != found


def test_a_class_mean_that_comes_first_is_no_image(session: Session, trained: Trained) -> None:
    assert find_top_images(session, name_model(trained.model, "prototypes")) == {}
