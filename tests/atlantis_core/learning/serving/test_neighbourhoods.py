"""Parts that look at neighbourhoods, against slow loops."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import Photos, photo_entries
from atlantis_core.learning.serving.neighbours import nearest_entries
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import parse_serving
from atlantis_core.learning.serving.spread import spread_labels


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _top(scores: np.ndarray, vectors: Photos) -> list[int]:
    return [int(vectors.labels[row]) for row in scores.argmax(axis=1)]


def test_centring_takes_both_means_out(draw):
    gallery, pool, queries = draw(1, 60), draw(2, 80, labelled=False), draw(3, 50)
    ranking = rank_served(parse_serving("centring").fit(gallery, pool), queries)
    scores = _unit(queries.vectors - pool.vectors.mean(0)) @ _unit(gallery.vectors - gallery.vectors.mean(0)).T
    assert ranking.nearest.tolist() == scores.argmax(axis=1).tolist()


def test_centring_by_facet_takes_out_the_mean_of_the_photos_own_value(draw):
    gallery, pool, queries = draw(1, 60), draw(2, 80, labelled=False), draw(3, 50)
    queries = Photos(queries.vectors, queries.labels, ({"visit": "C"}, *queries.facets[1:]))
    means = {
        value: gallery.vectors[[facets["visit"] == value for facets in gallery.facets]].mean(0) for value in "AB"
    } | {"C": pool.vectors.mean(0)}
    left, right = (
        _unit(np.array([row - means[facets["visit"]] for row, facets in zip(one.vectors, one.facets, strict=True)]))
        for one in (queries, gallery)
    )
    ranking = rank_served(parse_serving("centring:facet=visit").fit(gallery, pool), queries)
    assert ranking.nearest.tolist() == (left @ right.T).argmax(axis=1).tolist()
    with pytest.raises(SetupError, match="no gallery photo has the facet 'camera'; facets: visit"):
        parse_serving("centring:facet=camera").fit(gallery, pool)


@pytest.mark.parametrize("own", [False, True])
def test_query_expansion_is_the_papers_sum(draw, own):
    gallery = draw(1, 60)
    queries = gallery if own else draw(3, 50)
    rows = np.arange(60) if own else np.full(50, -1)
    expected = []
    for vector, itself in zip(queries.vectors, rows, strict=True):
        cosines = gallery.vectors @ vector
        if itself >= 0:
            cosines[itself] = -2
        near = np.argsort(-cosines)[:4]
        wider = vector + (np.maximum(cosines[near], 0)[:, None] ** 2 * gallery.vectors[near]).sum(axis=0)
        scores = gallery.vectors @ wider
        if itself >= 0:
            scores[itself] = -9
        expected.append(int(scores.argmax()))
    served = parse_serving("query_expansion:k=4,alpha=2").fit(gallery, draw(2, 3))
    assert rank_served(served, queries, rows).nearest.tolist() == expected


def _reciprocal(near: list[list[int]], k: int) -> list[set[int]]:
    within = [{row, *found[:k]} for row, found in enumerate(near)]
    return [{other for other in found if row in within[other]} for row, found in enumerate(within)]


def _widen(own: set[int], half: list[set[int]]) -> set[int]:
    return own.union(*(half[other] for other in own if len(half[other] & own) > 2 / 3 * len(half[other])))


def _rerank(gallery: np.ndarray, query: np.ndarray, k1: int, k2: int, weight: float) -> np.ndarray:
    """Return the distance of every photo by loops over sets, with the query encoded alone."""
    count, cosines = len(gallery), gallery @ gallery.T
    near = [[int(c) for c in np.argsort(-cosines[row], kind="stable") if c != row] for row in range(count)]
    half, full = _reciprocal(near, max(1, k1 // 2)), _reciprocal(near, k1)

    def encode(vector: np.ndarray, neighbours: set[int]) -> np.ndarray:
        weights = np.zeros(count)
        for other in neighbours:
            weights[other] = np.exp(float(vector @ gallery[other]) - 1)
        return weights / max(weights.sum(), 1e-12)

    raw = np.array([encode(gallery[row], _widen(full[row], half)) for row in range(count)])
    averaged = np.array([raw[[row, *near[row][: k2 - 1]]].mean(axis=0) for row in range(count)])
    to_query = gallery @ query
    found = [int(c) for c in np.argsort(-to_query, kind="stable")]
    mutual = {c for c in found[:k1] if to_query[c] >= cosines[c][near[c][k1 - 1]]}
    own = (encode(query, _widen(mutual, half)) + raw[found[: k2 - 1]].sum(axis=0)) / k2
    common = np.minimum(averaged, own[None]).sum(axis=1)
    jaccard = 1 - common / (averaged.sum(axis=1) + own.sum() - common)
    return (1 - weight) * jaccard + weight * (1 - to_query)


@pytest.mark.parametrize(("k1", "k2", "weight"), [(8, 3, 0.3), (20, 6, 0.3), (5, 1, 0.0)])
def test_reranking_agrees_with_sets_and_loops(draw, k1, k2, weight):
    gallery, queries = draw(1, 60), draw(3, 40)
    served = parse_serving(f"rerank:k1={k1},k2={k2},weight={weight}").fit(gallery, draw(2, 3))
    ranking = rank_served(served, queries)
    for row, query in enumerate(queries.vectors):
        distances = _rerank(gallery.vectors.astype(np.float64), query.astype(np.float64), k1, k2, weight)
        same = gallery.labels == queries.labels[row]
        low, high = ((distances[~same] <= distances[same].min() + by).sum() for by in (-1e-5, 1e-5))
        assert low <= ranking.first_hit[row] <= high


def test_only_the_first_entries_are_ordered_again(draw):
    gallery, queries = draw(1, 60), draw(3, 40)
    ranking = rank_served(parse_serving("rerank:top=1").fit(gallery, draw(2, 3)), queries)
    assert ranking.nearest.tolist() == (queries.vectors @ gallery.vectors.T).argmax(axis=1).tolist()
    with pytest.raises(SetupError, match="leave out prototypes or rerank"):
        parse_serving("rerank+prototypes").fit(gallery, draw(2, 3))


def test_spread_labels_solve_the_papers_equation(draw):
    gallery, pool = draw(1, 40), draw(2, 50, labelled=False)
    vectors = np.concatenate([gallery.vectors, pool.vectors]).astype(np.float64)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    weights = np.zeros((90, 90))
    for row in range(90):
        near = np.argsort(-cosines[row])[:6]
        weights[row, near] = np.maximum(cosines[row, near], 0) ** 3
    weights = np.maximum(weights, weights.T)
    root = np.diag(1 / np.sqrt(weights.sum(axis=1)))
    given = np.zeros((90, 5))
    given[np.arange(40), gallery.labels] = 1
    spread = np.linalg.solve(np.eye(90) - 0.99 * root @ weights @ root, given / given.sum(axis=0))
    spread = (spread / spread.sum(axis=0))[40:]
    labels, sureness = spread_labels(gallery, pool.vectors, 6)
    assert labels.tolist() == spread.argmax(axis=1).tolist()
    assert sureness == pytest.approx(spread.max(axis=1) / spread.sum(axis=1), abs=1e-3)


def test_photos_with_a_sure_label_are_found_and_count_for_prototypes(draw):
    gallery, pool, queries = draw(1, 20), draw(2, 100, labelled=False), draw(3, 60)
    labels, sureness = spread_labels(gallery, pool.vectors, 5)
    kept = np.argsort(-sureness, kind="stable")[:50]
    vectors = np.concatenate([gallery.vectors, pool.vectors[kept]])
    both = Photos(vectors, np.concatenate([gallery.labels, labels[kept]]))
    ranking = rank_served(parse_serving("spread:share=0.5").fit(gallery, pool), queries)
    assert ranking.nearest.tolist() == (queries.vectors @ vectors.T).argmax(axis=1).tolist()
    means = _unit(np.array([vectors[both.labels == label].sum(axis=0) for label in range(5)]))
    served = parse_serving("prototypes+spread:share=0.5").fit(gallery, pool)
    assert rank_served(served, queries).nearest.tolist() == (queries.vectors @ means.T).argmax(axis=1).tolist()


def test_a_photo_that_no_label_reaches_gets_that_of_the_nearest(draw):
    apart = np.zeros((4, 8), np.float32)
    apart[:2, 0] = apart[2:, 1] = 1
    gallery = Photos(apart[:1], np.array([3]))
    labels, sureness = spread_labels(gallery, apart[1:], 1)
    assert labels.tolist() == [3, 3, 3]
    assert sureness.tolist() == pytest.approx([1, 0, 0])


def test_spreading_needs_unlabelled_photos(draw):
    with pytest.raises(SetupError, match="needs unlabelled photos"):
        parse_serving("spread").fit(draw(1, 20), draw(2, 20))


def test_nearest_entries_are_exact_across_tiles():
    generator = np.random.default_rng(0)
    vectors, many = (generator.normal(size=(count, 4)).astype(np.float32) for count in (600, 9000))
    own = np.arange(600)
    rows, scores = nearest_entries(vectors, photo_entries(Photos(many, np.full(9000, -1))), 3, own)
    cosines = vectors @ many.T
    cosines[own, own] = -np.inf
    assert rows.tolist() == np.argsort(-cosines, axis=1)[:, :3].tolist()
    assert scores == pytest.approx(-np.sort(-cosines, axis=1)[:, :3], abs=1e-5)
