"""Rankings against a slow loop over the definition, for every distance, with ties, duplicates and lonely classes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from atlantis_core.base.errors import SetupError, TrainingFailed
from atlantis_core.learning.models.poincare import BORDER, expmap0
from atlantis_core.metrics import tiles
from atlantis_core.metrics.distances import DISTANCES, check_distance
from atlantis_core.metrics.rank_counters import TIE
from atlantis_core.metrics.ranking import NO_HIT, Ranking, rank_gallery

Vector = NDArray[np.float32]


def slow_cosine(x: Vector, y: Vector) -> float:
    return math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))


def slow_euclidean(x: Vector, y: Vector) -> float:
    return -math.fsum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True)) / 2


def slow_hyperbolic(x: Vector, y: Vector, c: float = 1.0) -> float:
    room = (1 - c * slow_cosine(x, x)) * (1 - c * slow_cosine(y, y))
    return -math.acosh(1 + 2 * c * -2 * slow_euclidean(x, y) / room)


SLOW: dict[str, Callable[[Vector, Vector], float]] = {
    "cosine": slow_cosine,
    "euclidean": slow_euclidean,
    "hyperbolic": slow_hyperbolic,
}

every_distance = pytest.mark.parametrize("distance", sorted(DISTANCES))


def agree(found: Ranking, scores: NDArray[np.float64], labels, gallery_labels, same) -> None:
    """Compare a ranking with the definition, query by query."""
    for i, row in enumerate(scores):
        offered = np.arange(len(row)) != same[i]
        right = np.flatnonzero(offered & (gallery_labels == labels[i]))
        wrong = np.flatnonzero(offered & (gallery_labels != labels[i]))
        falling = np.sort(row[right])[::-1]
        ranks = [1 + place + int((row[wrong] >= score - TIE).sum()) for place, score in enumerate(falling)]
        r = len(right)
        assert found.positives[i] == r
        assert found.first_hit[i] == (ranks[0] - 1 if r else NO_HIT)
        hits = [(place + 1) / at for place, at in enumerate(ranks) if at <= r]
        assert found.ap_at_r[i] == pytest.approx(sum(hits) / max(r, 1))
        assert found.r_precision[i] == pytest.approx(len(hits) / max(r, 1))
        chosen = right if found.first_hit[i] == 0 else wrong
        if not len(chosen):
            assert found.nearest[i] == -1
            continue
        assert found.nearest[i] in chosen
        assert row[found.nearest[i]] >= row[chosen].max() - 2 * TIE


def all_pairs(distance: str, queries, gallery) -> NDArray[np.float64]:
    return np.array([[SLOW[distance](x, y) for y in gallery] for x in queries])


def test_every_distance_has_a_slow_twin():
    assert sorted(SLOW) == sorted(DISTANCES)


@every_distance
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(1, 30), classes=st.integers(1, 30), itself=st.booleans())
def test_ties_duplicates_and_lonely_classes(distance, seed, number, classes, itself):
    generator = np.random.default_rng(seed)
    # A coarse grid of directions: every image has duplicates, of its class and of others.
    angle = generator.integers(0, 8, number) * (np.pi / 6)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    points *= np.float32(0.7 if distance == "hyperbolic" else 1)
    labels = generator.integers(0, classes, number)
    same = np.arange(number) if itself else np.full(number, -1)
    found = rank_gallery(points, labels, points, labels, same, distance)
    agree(found, all_pairs(distance, points, points), labels, labels, same)


@every_distance
def test_queries_that_are_not_the_gallery(distance, scene):
    gallery, gallery_labels = scene(3, 120, 10)
    fresh, fresh_labels = scene(4, 25, 14)
    queries = np.concatenate([fresh, gallery[40:55]])
    labels = np.concatenate([fresh_labels, gallery_labels[40:55]])
    same = np.concatenate([np.full(25, -1), np.arange(40, 55)])
    if distance != "cosine":  # lengths count
        shrink = np.random.default_rng(5).uniform(0.2, 0.9, 120).astype(np.float32)[:, None]
        gallery, queries = gallery * shrink, np.concatenate([fresh * shrink[:25], (gallery * shrink)[40:55]])
    found = rank_gallery(queries, labels, gallery, gallery_labels, same, distance)
    agree(found, all_pairs(distance, queries, gallery), labels, gallery_labels, same)


def test_an_excluded_image_of_another_class_is_excluded(scene):
    points, labels = scene(0, 30, 4)
    same = np.roll(np.arange(30), 1)
    agree(
        rank_gallery(points, labels, points, labels, same), all_pairs("cosine", points, points), labels, labels, same
    )


def some_of(ranking: Ranking, rows: NDArray[np.int64]) -> Ranking:
    """Return the ranking of some queries."""
    return Ranking(*(getattr(ranking, name)[rows] for name in Ranking.__dataclass_fields__))


def exact_points(seed: int, number: int, side: int, spread: int) -> Vector:
    """Draw short vectors whose products float32 holds exactly, so that ties are ties whoever adds them up."""
    return (np.random.default_rng(seed).integers(-spread, spread + 1, (number, side)) / 64).astype(np.float32)


@pytest.mark.parametrize("number", [tiles._SIDE - 1, tiles._SIDE + 1, 2 * tiles._SIDE + 3])
@pytest.mark.parametrize("classes", [5, 500, 1500])
def test_tiles_change_nothing(number, classes):
    labels = np.random.default_rng(number).integers(0, classes, number)
    points = (exact_points(1, number, 16, 6) + exact_points(2, classes, 16, 6)[labels]).astype(np.float32)
    scores = points.astype(np.float64) @ points.T.astype(np.float64)
    itself = np.arange(number)
    whole = rank_gallery(points, labels, points, labels, itself)
    agree(some_of(whole, itself[::9]), scores[::9], labels[::9], labels, itself[::9])
    rows = np.random.default_rng(0).permutation(number)[: number // 2]
    some = rank_gallery(points[rows], labels[rows], points, labels, rows)
    for name in ("first_hit", "positives", "nearest", "ap_at_r", "r_precision"):
        assert getattr(whole, name)[rows].tolist() == getattr(some, name).tolist()


def test_classes_too_large_for_one_go_change_nothing():
    points = exact_points(2, 2400, 8, 12)
    labels = np.repeat([0, 1, 2], [2100, 297, 3])
    assert tiles._MAX_POSITIVES < 2100**2 + 297**2  # so the queries are ranked in groups
    itself = np.arange(2400)
    scores = points.astype(np.float64) @ points.T.astype(np.float64)
    found = rank_gallery(points, labels, points, labels, itself)
    rows = np.concatenate([np.arange(0, 2100, 150), np.arange(2100, 2400, 15)])
    agree(some_of(found, rows), scores[rows], labels[rows], labels, rows)


def test_untrained_and_collapsed_embeddings_are_counted_exactly():
    points = exact_points(3, 1500, 12, 9)
    points[:700] = points[0]
    labels = np.random.default_rng(1).integers(0, 300, 1500)
    itself = np.arange(1500)
    scores = points.astype(np.float64) @ points.T.astype(np.float64)
    agree(rank_gallery(points, labels, points, labels, itself), scores, labels, labels, itself)


def test_a_caller_decides_what_a_tie_is(scene):
    points, labels = scene(8, 200, 10)
    itself = np.arange(200)
    firsts = [
        rank_gallery(points, labels, points, labels, itself, tie=tie).first_hit.sum() for tie in (0.0, 0.01, 3.0)
    ]
    assert firsts[0] < firsts[1] < firsts[2]


def test_of_equally_near_wrong_images_the_lowest_class_then_row_is_named():
    query = np.array([[1, 0]], np.float32)
    gallery = np.array([[0.6, 0.8], [0.6, -0.8], [0.6, 0.8], [0.6, -0.8]], np.float32)
    assert rank_gallery(query, np.array([0]), gallery, np.array([9, 4, 4, 7])).nearest.tolist() == [1]


def test_euclidean_ranks_unit_vectors_as_the_cosine_does(scene):
    points, labels = scene(6, 300, 20)
    itself = np.arange(300)
    one, other = (rank_gallery(points, labels, points, labels, itself, name) for name in ("cosine", "euclidean"))
    assert one.first_hit.tolist() == other.first_hit.tolist()
    assert one.ap_at_r.tolist() == other.ap_at_r.tolist()


def test_euclidean_does_not_mind_where_the_origin_is(scene):
    points, labels = scene(6, 200, 20)
    itself = np.arange(200)
    far = (points * 64 + 1024).astype(np.float32)
    near = (far - 1024) / 64
    moved, plain = (rank_gallery(p, labels, p, labels, itself, "euclidean") for p in (far, near))
    assert moved.first_hit.tolist() == plain.first_hit.tolist()


@pytest.mark.parametrize("curvature", [1.01e-6, 0.1, 1.0, 4.0, 1e6])
def test_hyperbolic_follows_the_formula(curvature, scene):
    points, labels = scene(7, 60, 9, side=3)
    reach = np.random.default_rng(0).uniform(0.05, 0.9999, (60, 1)) / math.sqrt(curvature)
    points = (points * reach).astype(np.float32)
    itself = np.arange(60)
    scores = np.array([[slow_hyperbolic(x, y, curvature) for y in points] for x in points])
    found = rank_gallery(points, labels, points, labels, itself, f"hyperbolic:{curvature}")
    agree(found, scores, labels, labels, itself)
    cosine = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert found.first_hit.tolist() != rank_gallery(cosine, labels, cosine, labels, itself).first_hit.tolist()


@pytest.mark.parametrize(
    ("distance", "error", "complaint"),
    [
        ("manhattan", SetupError, "unknown distance 'manhattan'; known: cosine, euclidean, hyperbolic"),
        ("hyperbolic", ValueError, "inside the ball of radius 1;"),
        ("hyperbolic:4", ValueError, "inside the ball of radius 0.5"),
        ("hyperbolic:0", ValueError, "C must be above 1e-06"),
    ],
)
def test_a_distance_that_is_not_defined_is_refused(distance, error, complaint):
    point = np.array([[1, 0]], np.float32)
    with pytest.raises(error, match=complaint):
        rank_gallery(point, np.array([0]), point, np.array([0]), None, distance)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("manhattan", "unknown distance 'manhattan'; known: cosine, euclidean, hyperbolic"),
        ("cosine:3", "cosine takes no argument"),
        ("hyperbolic:wide", "C must be above 1e-06 and at most 1e\\+06; write it like hyperbolic:0.1"),
        ("hyperbolic:-1", "C must be above"),
        ("hyperbolic:nan", "C must be above"),
        ("hyperbolic:1e-300", "distance 'hyperbolic:1e-300': C must be above 1e-06 and at most"),
        ("hyperbolic:1e300", "C must be above"),
    ],
)
def test_a_distance_that_a_person_mistypes_is_explained(text, complaint):
    with pytest.raises(SetupError, match=complaint):
        check_distance(text)


def test_hyperbolic_holds_at_the_border_of_the_ball():
    """Points as near the border as a head can place them: `expmap0` ends 1e-3 of the radius before it."""
    directions = np.random.default_rng(3).normal(size=(80, 5))
    directions *= 1000 / np.linalg.norm(directions, axis=1, keepdims=True)
    c = 0.1
    points = expmap0(torch.tensor(directions, dtype=torch.float32), c).numpy()
    assert np.linalg.norm(points, axis=1).min() * c**0.5 == pytest.approx(1 - BORDER, abs=1e-6)
    labels = np.arange(80) % 8
    scores = np.array([[slow_hyperbolic(x, y, c) for y in points] for x in points])
    agree(
        rank_gallery(points, labels, points, labels, np.arange(80), f"hyperbolic:{c}"),
        scores,
        labels,
        labels,
        range(80),
    )


@every_distance
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_end_the_trial(distance, bad):
    points = np.full((3, 2), 0.1, np.float32)
    points[1, 0] = bad
    with pytest.raises(TrainingFailed, match="not finite"):
        rank_gallery(points, np.arange(3), points, np.arange(3), None, distance)
