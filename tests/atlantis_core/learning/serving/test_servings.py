"""Servings against direct numpy."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import Photos
from atlantis_core.learning.serving.neighbours import nearest_cosines
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import parse_serving


def _ranks(scores: np.ndarray, asked: np.ndarray, labels: np.ndarray) -> list[int]:
    """Return the rank of the best positive of every row of scores (Q, E)."""
    return [
        int((row[labels != label] >= row[labels == label].max()).sum())
        for row, label in zip(scores, asked, strict=True)
    ]


def _csls(vectors: np.ndarray, queries: np.ndarray, pool: np.ndarray, k: int) -> np.ndarray:
    """Return 2 cos(q, g) - r(q) - r(g), as in the paper (Q, E)."""
    r_gallery, r_queries = (np.sort(part @ pool.T, axis=1)[:, -k:].mean(axis=1) for part in (vectors, queries))
    return 2 * queries @ vectors.T - r_queries[:, None] - r_gallery[None]


def _means(gallery: Photos, shrink: float = 0.0) -> np.ndarray:
    by_class = [gallery.vectors[gallery.labels == label] for label in range(5)]
    prior = np.mean([one.mean(axis=0) for one in by_class], axis=0)
    sums = np.array([one.sum(axis=0) + shrink * prior for one in by_class])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


@pytest.mark.parametrize("k", [1, 10])
def test_csls_is_the_papers_formula(draw, k):
    gallery, pool, queries = draw(1, 60), draw(2, 80, labelled=False), draw(3, 50)
    ranking = rank_served(parse_serving(f"csls:k={k}").fit(gallery, pool), queries)
    scores = _csls(gallery.vectors, queries.vectors, pool.vectors, k)
    assert ranking.first_hit.tolist() == _ranks(scores, queries.labels, gallery.labels)
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()


def test_local_scaling_is_the_papers_formula(draw):
    gallery, pool, queries = draw(1, 60), draw(2, 80, labelled=False), draw(3, 50)
    ranking = rank_served(parse_serving("local_scaling:k=7").fit(gallery, pool), queries)

    def squared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return ((one[:, None] - other[None]) ** 2).sum(axis=2)

    scales = [np.sqrt(np.sort(squared(part.vectors, pool.vectors), axis=1)[:, 6]) for part in (gallery, queries)]
    scores = np.exp(-squared(queries.vectors, gallery.vectors) / np.outer(scales[1], scales[0]))
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()
    assert ranking.first_hit.tolist() == _ranks(scores, queries.labels, gallery.labels)


@pytest.mark.parametrize("shrink", [0.0, 2.0])
def test_prototypes_are_class_means(draw, shrink):
    gallery, queries = draw(1, 60), draw(3, 50)
    ranking = rank_served(parse_serving(f"prototypes:shrink={shrink}").fit(gallery, draw(2, 9)), queries)
    scores = queries.vectors @ _means(gallery, shrink).T
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()
    assert ranking.first_hit.tolist() == _ranks(scores, queries.labels, np.arange(5))
    assert ranking.positives.tolist() == [1] * 50


def test_prototypes_beside_photos_rank_both(draw):
    gallery, queries = draw(1, 60), draw(3, 50)
    ranking = rank_served(parse_serving("prototypes:mix=beside").fit(gallery, draw(2, 9)), queries)
    scores = queries.vectors @ np.concatenate([gallery.vectors, _means(gallery)]).T
    labels = np.concatenate([gallery.labels, np.arange(5)])
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()
    assert ranking.first_hit.tolist() == _ranks(scores, queries.labels, labels)


@pytest.mark.parametrize("text", ["csls:k=4+prototypes", "prototypes+csls:k=4"])
def test_prototypes_are_corrected_in_any_order_of_the_parts(draw, text):
    gallery, pool, queries = draw(1, 60), draw(2, 80, labelled=False), draw(3, 50)
    ranking = rank_served(parse_serving(text).fit(gallery, pool), queries)
    scores = _csls(_means(gallery), queries.vectors, pool.vectors, 4)
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    "text", ["prototypes", "prototypes:mix=beside", "csls:k=4+prototypes", "local_scaling+prototypes"]
)
def test_a_prototype_leaves_out_the_query_it_was_built_from(draw, text):
    gallery, pool = draw(1, 30), draw(2, 80, labelled=False)
    rows = np.arange(30)
    ranking = rank_served(parse_serving(text).fit(gallery, pool), gallery, rows)
    for row in rows:
        rest = rows != row
        smaller = Photos(gallery.vectors[rest], gallery.labels[rest])
        query = Photos(gallery.vectors[[row]], gallery.labels[[row]])
        alone = rank_served(parse_serving(text).fit(smaller, pool), query)
        assert alone.first_hit[0] == ranking.first_hit[row]


def test_reference_photos_of_an_entrys_own_class_do_not_count(draw):
    gallery, other = draw(1, 40), draw(2, 50)
    found = nearest_cosines(gallery.vectors, gallery.labels, other, 3)
    for row in range(40):
        cosines = gallery.vectors[row] @ other.vectors[other.labels != gallery.labels[row]].T
        assert found[row] == pytest.approx(np.sort(cosines)[::-1][:3], abs=1e-6)


def test_photos_of_an_entrys_own_class_count_when_asked(draw):
    gallery, queries = draw(1, 60), draw(3, 50)
    ranking = rank_served(parse_serving("csls:k=5,own=true").fit(gallery, gallery), queries)
    scores = _csls(gallery.vectors, queries.vectors, gallery.vectors, 5)
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()


def test_neighbours_are_exact_across_tiles():
    generator = np.random.default_rng(0)
    vectors, many = (generator.normal(size=(count, 4)).astype(np.float32) for count in (700, 9000))
    unlabelled = Photos(many, np.full(9000, -1))
    found = nearest_cosines(vectors, np.full(700, -1), unlabelled, 5)
    assert found == pytest.approx(-np.sort(-(vectors @ many.T), axis=1)[:, :5], abs=1e-5)


def test_a_single_class_without_other_photos_is_still_ranked(draw):
    gallery = draw(1, 20)
    one = Photos(gallery.vectors, np.zeros(20, np.int64))
    for text in ("csls", "local_scaling"):
        ranking = rank_served(parse_serving(text).fit(one, one), one, np.arange(20))
        assert ranking.first_hit.max() == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cls", "unknown serving 'cls'"),
        ("csls:k=0", "k is from 1"),
        ("csls:k=many", "a whole number"),
        ("csls+csls:k=3", "do the same work"),
        ("csls+local_scaling", "csls and local_scaling do the same work"),
        ("prototypes:mix=under", "instead or beside"),
        ("prototypes:shrink=-1", "shrink is from 0"),
        ("csls+", "unknown serving ''"),
    ],
)
def test_a_wrong_text_is_refused_in_one_line(text, message):
    with pytest.raises(SetupError, match=message) as refused:
        parse_serving(text)
    assert "\n" not in str(refused.value)


def test_a_serving_without_reference_photos_says_what_to_do(draw):
    nothing = Photos(np.zeros((0, 8), np.float32), np.zeros(0, np.int64))
    with pytest.raises(SetupError, match="--pool FOLDER"):
        parse_serving("csls").fit(draw(1, 20), nothing)
    assert len(parse_serving("prototypes").fit(draw(1, 20), nothing).entries) == 5


def test_settings_at_their_default_are_left_out_of_the_text():
    assert str(parse_serving("prototypes:mix=beside+csls:k=10")) == "prototypes:mix=beside+csls"
    assert str(parse_serving(" ")) == ""
