from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.metrics.ranking import NO_HIT, rank_gallery, rank_images
from atlantis_core.metrics.retrieval_metrics import recall_at_k


def test_drawn_ranks_come_back(rank_relevance):
    generator = np.random.default_rng(3)
    wanted = generator.integers(0, 30, 50)
    relevance = []
    for first in wanted:
        tail = generator.random(29 - first) < 0.3
        relevance.append([*[False] * first, True, *tail.tolist()])
    ranking = rank_relevance(relevance)
    assert ranking.first_hit.tolist() == wanted.tolist()
    assert ranking.positives.tolist() == [sum(row) for row in relevance]


def test_query_never_finds_itself(scene):
    points, labels = scene(0, 40, 5)
    ranking = rank_gallery(points, labels, points, labels, np.arange(40))
    assert not np.any(ranking.nearest == np.arange(40))
    assert ranking.positives.tolist() == [int((labels == label).sum()) - 1 for label in labels]


def test_query_without_partner_is_left_out():
    points = np.eye(3, dtype=np.float32)
    ranking = rank_gallery(points, np.array([0, 0, 7]), points, np.array([0, 0, 7]), np.arange(3))
    assert ranking.num_left_out == 1
    assert ranking.num_queries == 2
    assert ranking.first_hit[2] == NO_HIT
    assert ranking.ap_at_r[2] == ranking.r_precision[2] == 0


def test_collapsed_model_scores_zero():
    generator = np.random.default_rng(0)
    one = generator.normal(size=33)
    points = np.tile((one / np.linalg.norm(one)).astype(np.float32), (301, 1))
    labels = np.arange(301) % 7
    ranking = rank_gallery(points, labels, points, labels, np.arange(301))
    assert recall_at_k(ranking, 8) == 0
    assert ranking.ap_at_r.max() == 0


def test_tie_puts_the_wrong_image_first():
    query = np.array([[1, 0]], np.float32)
    gallery = np.array([[0.6, 0.8], [0.6, -0.8], [1, 0]], np.float32)
    ranking = rank_gallery(query, np.array([0]), gallery, np.array([0, 1, 2]))
    assert ranking.first_hit.tolist() == [2]
    assert ranking.nearest.tolist() == [2]
    assert rank_gallery(query, np.array([0]), gallery[:2], np.array([0, 1])).nearest.tolist() == [1]


def test_small_difference_is_no_tie():
    query = np.array([[1, 0]], np.float32)
    cosine = np.array([0.5, 0.50001])
    gallery = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1).astype(np.float32)
    assert rank_gallery(query, np.array([0]), gallery, np.array([1, 0])).first_hit.tolist() == [0]


def test_empty_gallery_leaves_everything_out():
    ranking = rank_gallery(
        np.eye(2, dtype=np.float32), np.array([0, 1]), np.zeros((0, 2), np.float32), np.zeros(0, int)
    )
    assert ranking.num_left_out == 2
    assert ranking.nearest.tolist() == [-1, -1]


def test_gallery_of_the_query_alone_returns_nothing():
    one = np.array([[1, 0]], np.float32)
    ranking = rank_gallery(one, np.array([4]), one, np.array([4]), np.array([0]))
    assert ranking.nearest.tolist() == [-1]
    assert ranking.num_queries == 0


def test_diverged_model_is_a_failed_training():
    bad = np.array([[np.nan, 1]], np.float32)
    with pytest.raises(TrainingFailed, match="query embeddings"):
        rank_gallery(bad, np.array([0]), bad, np.array([0]))


@pytest.mark.parametrize(
    ("query", "same", "complaint"),
    [
        (np.array([[3, 4]], np.float32), None, "unit norm"),
        (np.array([[1, 0], [0, 1]], np.float32), None, "do not match"),
        (np.array([[1, 0]], np.float32), np.array([1]), "gallery row in 0..0"),
        (np.array([[1, 0]], np.float32), np.array([-2]), "or -1, per query"),
        (np.array([[1, 0]], np.float32), np.array([0, 0]), "same has shape"),
    ],
)
def test_what_cannot_be_ranked_is_refused(query, same, complaint):
    with pytest.raises(ValueError, match=complaint):
        rank_gallery(query, np.array([0]), np.array([[1, 0]], np.float32), np.array([0]), same)


def test_images_are_matched_by_label_and_id(image):
    queries = [image("a", "tug"), image("b", "ferry")]
    gallery = [image("c", "ferry"), image("a", "tug"), image("d", "tug")]
    axis = np.eye(2, dtype=np.float32)
    ranking = rank_images(queries, axis, gallery, axis[[1, 0, 0]])
    assert ranking.nearest.tolist() == [2, 0]
    assert ranking.positives.tolist() == [1, 1]
