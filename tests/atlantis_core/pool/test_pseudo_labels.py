"""Pseudo-labels: which classes pool photos get, how sure, with which evidence."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from atlantis_core.base.errors import ToolError
from atlantis_core.pool.class_scores import score_classes
from atlantis_core.pool.clusters import cluster_photos
from atlantis_core.pool.confidence import Calibration, accept
from atlantis_core.pool.held_out import Labelled, Unlabelled, hold_out_groups
from atlantis_core.pool.pseudo_labels import PseudoLabelOptions, PseudoLabels, pseudo_label
from tests.atlantis_core.pool.worlds import draw_world, unit


def label_world(
    blur: float, seed: int = 0, rejected: tuple[int, ...] = (), classes: int = 12
) -> tuple[PseudoLabels, NDArray[np.str_], NDArray[np.str_]]:
    """Label the pool of a world: shelves 3 and 4, the others are labelled. Return it, its truth, training labels."""
    points, labels, shelves = draw_world(classes=classes, blur=blur, seed=seed)
    known = shelves < 3
    train = Labelled(points[known], labels[known])
    held_out = hold_out_groups(train, points[known])
    return (
        pseudo_label(train, Unlabelled(points[~known]), held_out, rejected=rejected),
        labels[~known],
        labels[known],
    )


def test_the_forecast_of_the_precision_holds_on_shelves_never_seen() -> None:
    accepted, every, expected = [], [], []
    for seed in range(4):
        found, truth, _ = label_world(1.1, seed=seed, classes=20)
        accepted += [one.class_name == truth[one.row] for one in found.accepted]
        every += [one.class_name == truth[one.row] for one in found.every]
        expected += [one.rate for one in found.accepted]
        assert found.expected_precision >= 0.9
    assert 0.4 * len(every) < len(accepted) < 0.7 * len(every)
    assert np.mean(every) < 0.8
    assert np.mean(accepted) == pytest.approx(np.mean(expected), abs=0.03)


def test_a_photo_comes_with_its_evidence() -> None:
    found, _, labels = label_world(0.4)
    best = found.accepted[0]
    assert len(best.nearest) == 5
    assert best.votes == {best.class_name: 5}
    assert {labels[row] for row in best.nearest} == {best.class_name}
    assert best.cluster_class == best.class_name
    assert best.cluster_size == sum(one.cluster == best.cluster for one in found.every)
    assert 0.9 <= best.rate <= 1
    assert best.reason == ""


def test_what_a_person_rejects_is_not_accepted() -> None:
    before, _, _ = label_world(0.4)
    best = before.accepted[0].row
    after, _, _ = label_world(0.4, rejected=(best,))
    assert best not in [one.row for one in after.accepted]
    assert after.every[best].reason == "rejected by hand"


def test_no_class_gets_many_more_than_is_usual() -> None:
    points, labels, shelves = draw_world(classes=6, blur=0.3)
    known = shelves < 3
    rare = known | ((labels != "c0") & (shelves == 4))  # only c0 has photos of two shelves in the pool
    train = Labelled(points[known], labels[known])
    pool = Unlabelled(points[~rare])
    found = pseudo_label(train, pool, hold_out_groups(train, train.embeddings), PseudoLabelOptions(balance=1.5))
    accepted = [one.class_name for one in found.accepted]
    assert accepted.count("c0") == 9
    assert [one.reason for one in found.every].count("its class has enough already") == 3


def test_where_neighbours_and_cluster_disagree_nothing_is_accepted() -> None:
    found, truth, _ = label_world(1.1)
    doubtful = [one for one in found.every if one.reason == "neighbours and cluster disagree"]
    assert doubtful
    assert all(one.cluster_class != one.class_name and not one.accepted for one in doubtful)
    right = np.mean([one.class_name == truth[one.row] for one in doubtful])
    assert right < np.mean([one.class_name == truth[one.row] for one in found.every])


def test_without_held_out_photos_nothing_is_accepted() -> None:
    points, labels, _ = draw_world(classes=3, shelves=1, photos=2)
    train = Labelled(points, labels)
    assert hold_out_groups(train, points) == []
    assert pseudo_label(train, Unlabelled(points), []).accepted == ()


def test_groups_are_held_out_as_a_whole_and_each_once() -> None:
    points, labels, shelves = draw_world(classes=4, shelves=3, blur=1.0)
    trials = hold_out_groups(Labelled(points, labels), points)
    places = {point.tobytes(): (name, shelf) for point, name, shelf in zip(points, labels, shelves, strict=True)}
    held = [{places[point.tobytes()] for point in trial.unknown.embeddings} for trial in trials]
    known = [{places[point.tobytes()] for point in trial.known.embeddings} for trial in trials]
    assert [len(part) for part in held] == [4, 4, 4]
    assert set.union(*held) == set(places.values())
    assert all(not out & stays for out, stays in zip(held, known, strict=True))


def test_classes_of_few_photos_are_scored_like_the_others() -> None:
    rng = np.random.default_rng(0)
    many, few = unit(rng.normal([4, 0, 1, 0], 0.3, (30, 4))), unit(rng.normal([0, 4, 1, 0], 0.3, (2, 4)))
    photos = unit(np.array([[0.0, 4, 1, 0], [4.0, 0, 1, 0]]))
    scores = score_classes(photos, np.concatenate([many, few]), np.array(["many"] * 30 + ["few"] * 2))
    assert [scores.class_names[row] for row in scores.own.argmax(axis=1)] == ["few", "many"]
    logits = np.array([(photos[0] @ few.T).mean(), np.sort(photos[0] @ many.T)[-5:].mean()]) / 0.05
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert scores.own[0] == pytest.approx(expected, abs=1e-5)


def test_a_rate_is_the_share_of_right_ones_and_never_falls() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(size=4000)
    found = Calibration.learn(confidence, rng.uniform(size=4000) < confidence**2)
    at = np.array([0.3, 0.6, 0.9])
    assert found.rate(at) == pytest.approx(at**2, abs=0.07)
    assert (np.diff(found.rate(np.linspace(0, 1, 50))) >= 0).all()


def test_as_many_are_accepted_as_the_mean_allows() -> None:
    rates = np.array([0.4, 1.0, 0.8, 0.95, 0.6])
    assert accept(rates, 0.9, 0.5).tolist() == [False, True, True, True, False]
    assert accept(rates, 0.8, 0.5).tolist() == [False, True, True, True, True]
    assert accept(rates, 0.5, 0.5).tolist() == [False, True, True, True, True], "0.4 is more likely wrong than right"


def test_clusters_are_numbered_by_size() -> None:
    points = unit(np.repeat(np.eye(3), [2, 5, 3], axis=0) + 1e-3)
    assert cluster_photos(points, 0.5).tolist() == [2, 2, 0, 0, 0, 0, 0, 1, 1, 1]


def test_embeddings_that_do_not_fit_are_refused() -> None:
    points, labels, _ = draw_world(classes=2, shelves=3)
    train = Labelled(points, labels)
    with pytest.raises(ToolError, match="embed both with one model"):
        pseudo_label(train, Unlabelled(points[:, :5]), [])
    with pytest.raises(ToolError, match="the model diverged"):
        pseudo_label(train, Unlabelled(points * np.float32(np.nan)), [])
