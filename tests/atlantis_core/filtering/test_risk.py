"""The set that `risk` keeps: what held-out real images say, by references computed apart."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from atlantis_core.filtering.embedded import filter_embeddings
from atlantis_core.filtering.embedding_files import EmbeddedImages
from atlantis_core.filtering.held_out_benefit import HeldOutQueries
from atlantis_core.filtering.representatives import choose_representatives
from atlantis_core.filtering.risk import RiskScorer, choose_threshold, find_harmful
from atlantis_core.filtering.shrunken_centres import equalise_spread, shrink_centres

CLASSES, SIZE = 12, 16


def photos(count: int, seed: int, spread: float = 0.25, shift: float = 0.0) -> EmbeddedImages:
    """Draw images of 12 classes on the unit sphere, whose centres are the same for every seed."""
    centres = np.random.default_rng(9).standard_normal((CLASSES, SIZE)) * 0.3
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(CLASSES), count)
    points = centres[labels] + shift + spread * rng.standard_normal((len(labels), SIZE))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return EmbeddedImages(points.astype(np.float32), labels.astype(np.int64))


def recall(gallery: EmbeddedImages, added: EmbeddedImages, queries: EmbeddedImages) -> float:
    points, labels = (
        np.concatenate([getattr(one, name) for one in (gallery, added)]) for name in ("embeddings", "labels")
    )
    return float((labels[(queries.embeddings @ points.T).argmax(axis=1)] == queries.labels).mean())


def kept_of(made: EmbeddedImages, kept: np.ndarray) -> EmbeddedImages:
    return EmbeddedImages(made.embeddings[kept], made.labels[kept])


@pytest.mark.parametrize("count", [2, 10, 40])
def test_images_that_mislead_are_not_kept(count: int) -> None:
    real, queries, rng = photos(count, 1), photos(30, 2), np.random.default_rng(3)
    made = photos(20, 4)
    scrambled = EmbeddedImages(made.embeddings, rng.permutation(made.labels))
    found = filter_embeddings(real, scrambled, "risk")
    with_them = recall(real, kept_of(scrambled, found.kept), queries)
    assert with_them >= recall(real, kept_of(made, found.kept & False), queries) - 0.005
    assert with_them > recall(real, scrambled, queries) + 0.1


def test_with_two_real_images_a_class_good_synthetic_images_are_kept_and_help() -> None:
    real, queries, made = photos(2, 1, 0.45), photos(30, 2, 0.45), photos(20, 4, 0.3, 0.05)
    found = filter_embeddings(real, made, "risk")
    assert found.kept.mean() > 0.6
    without = recall(real, kept_of(made, found.kept & False), queries)
    assert recall(real, kept_of(made, found.kept), queries) > without + 0.1
    assert "each held out once" in found.remarks[-1]


def test_a_set_of_which_nothing_helps_is_left_out_with_the_reason() -> None:
    real, rng = photos(40, 1, spread=0.4), np.random.default_rng(3)
    made = photos(20, 4, spread=1.5)
    noise = EmbeddedImages(made.embeddings, rng.permutation(made.labels))
    found = filter_embeddings(real, noise, "risk")
    assert not found.kept.any()
    assert found.threshold == 0
    assert set(found.reasons.values()) == {
        "risk: no set of the synthetic images helps the held-out real images to be found"
    }


def test_one_real_image_a_class_teaches_nothing_and_says_so() -> None:
    found = filter_embeddings(photos(1, 1), photos(5, 4), "risk")
    assert found.threshold == 1
    assert found.remarks[-1].startswith("every class has a single real image")


def test_leads_are_those_of_a_search_without_the_image_itself() -> None:
    real, made, rng = photos(3, 1), photos(4, 4), np.random.default_rng(0)
    some = kept_of(made, made.labels != 5)
    queries = HeldOutQueries.of(
        real.embeddings.astype(float), real.labels, some.embeddings.astype(float), some.labels
    )
    kept = rng.random((len(queries.rows), len(some.labels))) < 0.5
    best = queries.find_best(kept)
    leads, without = queries.measure_leads(best), queries.measure_leads_without(best)
    classes = np.unique(some.labels).tolist()
    for place, row in enumerate(queries.rows.tolist()):
        for left_out in (None, 2, 7):
            own, others = [], []
            gallery = [
                (vector, label)
                for index, (vector, label) in enumerate(zip(real.embeddings, real.labels, strict=True))
                if index != row
            ]
            gallery += [
                (some.embeddings[index], some.labels[index])
                for index in np.flatnonzero(kept[place])
                if some.labels[index] != left_out
            ]
            for vector, label in gallery:
                (own if label == real.labels[row] else others).append(float(vector @ real.embeddings[row]))
            expected = leads[place] if left_out is None else without[place, classes.index(left_out)]
            assert expected == pytest.approx(max(own) - max(others), abs=1e-5)
    np.testing.assert_allclose(
        queries.measure_real_leads(), queries.measure_leads(queries.find_best(kept & False)), atol=1e-12
    )


def test_folds_hold_out_at_most_one_of_two_images_of_a_class() -> None:
    real, made = photos(2, 1), photos(2, 4)
    queries = HeldOutQueries.of(
        real.embeddings.astype(float), real.labels, made.embeddings.astype(float), made.labels
    )
    assert all(len(set(queries.folds[real.labels == label].tolist())) == 2 for label in range(CLASSES))


def test_centres_are_shrunk_by_the_formula() -> None:
    real, made = photos(3, 1), photos(8, 4, shift=0.2)
    points, synthetic = real.embeddings.astype(float), made.embeddings.astype(float)
    found = shrink_centres(points, real.labels, synthetic, made.labels)
    means = np.stack([points[real.labels == label].mean(axis=0) for label in range(CLASSES)])
    priors = np.stack([synthetic[made.labels == label].mean(axis=0) for label in range(CLASSES)])
    variance = sum(points[real.labels == label].var(axis=0, ddof=1).sum() for label in range(CLASSES)) / CLASSES
    made_variance = (
        sum(synthetic[made.labels == label].var(axis=0, ddof=1).sum() for label in range(CLASSES)) / CLASSES
    )
    shift = np.median(means - priors, axis=0)
    spread = ((means - priors - shift) ** 2).sum(axis=1).mean() - variance / 3 - made_variance / 8
    weight = max(0, spread) / (max(0, spread) + variance / 3)
    np.testing.assert_allclose(found.points, weight * means + (1 - weight) * (priors + shift), atol=1e-9)


def test_with_three_classes_the_real_means_stay() -> None:
    real, made = photos(3, 1), photos(8, 4, shift=0.2)
    few = kept_of(real, real.labels < 3)
    some = kept_of(made, made.labels < 3)
    found = shrink_centres(few.embeddings.astype(float), few.labels, some.embeddings.astype(float), some.labels)
    np.testing.assert_allclose(found.points[1], few.embeddings[few.labels == 1].mean(axis=0), atol=1e-6)


def test_directions_are_scaled_by_the_shrunken_covariance() -> None:
    real = photos(5, 1)
    points = real.embeddings.astype(float)
    residuals = points - np.stack([points[real.labels == label].mean(axis=0) for label in real.labels])
    covariance = ledoit_wolf(residuals * np.sqrt(60 / 48), assume_centered=True)[0]
    stretch = equalise_spread(points, real.labels)
    # It is covariance ** (-1/4), so its fourth power undoes the covariance.
    twice = stretch @ stretch.T
    np.testing.assert_allclose(twice @ twice @ covariance, np.eye(SIZE), atol=1e-6)


def test_the_score_of_two_distances_by_hand() -> None:
    real = np.array([[0, 0], [4, 0]], np.float32)
    # One image a class: no covariance, so both distances are the plain one.
    scorer = RiskScorer().fit(real, np.array([0, 1]))
    np.testing.assert_allclose(scorer.score(np.array([[1, 0], [2, 0]], np.float32), np.array([0, 0])), [1 / 3, 1])


def test_the_threshold_nearest_one_is_taken_among_equals_and_none_if_it_does_not_help() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(200) * 0.5
    hits = np.repeat(before[None], 17, axis=0)
    hits[5] += 0.3 + 0.01 * rng.standard_normal(200)
    hits[12] += 0.3 + 0.01 * rng.standard_normal(200)
    assert choose_threshold(hits, before) == 12
    assert choose_threshold(np.repeat(before[None], 17, axis=0) - 0.1 * rng.random(200), before) is None
    assert choose_threshold(np.repeat(before[None], 17, axis=0), before) == 9  # 1.0: it makes no difference


def test_a_class_that_costs_more_than_it_gains_is_found() -> None:
    rng = np.random.default_rng(0)
    effects = 0.02 + 0.01 * rng.standard_normal((400, 6))
    effects[:, 4] -= 0.1
    assert find_harmful(effects).tolist() == [False] * 4 + [True, False]


def test_representatives_cover_both_groups() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(np.eye(2, 4), [9, 3], axis=0) + 0.05 * rng.standard_normal((12, 4))
    kept = np.arange(12) != 10
    chosen = choose_representatives(points, np.zeros(12, np.int64), kept, 2)
    assert chosen.sum() == 2
    assert chosen[:9].sum() == 1
    assert chosen[9:].sum() == 1
    assert not chosen[10]
    assert choose_representatives(points, np.zeros(12, np.int64), kept, 50).tolist() == kept.tolist()


@pytest.mark.data
@pytest.mark.parametrize("count", [2, 40])
def test_on_the_released_embeddings_it_is_no_worse_than_either_way(count: int, shared_data: Path) -> None:
    names = ("original_embeddings", "original_labels", "synthetic_embeddings", "synthetic_labels")
    arrays = [np.load(shared_data / "atlantis_cars196" / f"{name}.npy") for name in names]
    every = [EmbeddedImages(arrays[place], arrays[place + 1].astype(np.int64)) for place in (0, 2)]
    real, made = (kept_of(one, one.labels % 2 == 1) for one in every)
    rank = np.zeros(len(real.labels), int)
    order = np.random.default_rng(0).permutation(len(real.labels))
    for label in np.unique(real.labels):
        members = order[real.labels[order] == label]
        rank[members] = np.arange(len(members))
    gallery, queries = kept_of(real, rank < count), kept_of(real, rank >= count)
    kept = filter_embeddings(gallery, made, "risk").kept
    released = filter_embeddings(gallery, made, "centre_ratio").kept
    found = recall(gallery, kept_of(made, kept), queries)
    for other in (kept & False, kept | True, released):
        assert found >= recall(gallery, kept_of(made, other), queries) - 0.003
