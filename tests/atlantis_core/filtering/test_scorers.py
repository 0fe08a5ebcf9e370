"""The contract of every outlier scorer, and the released figures."""

import csv

import numpy as np
import pytest

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import SCORERS
from atlantis_core.base.registry import load_part
from atlantis_core.filtering.centre_ratio import CentreRatioScorer
from atlantis_core.filtering.margin import MarginScorer


@pytest.fixture(params=sorted(SCORERS))
def scorer(request):
    return load_part(SCORERS, request.param, "scorer")()


@pytest.fixture
def world():
    """Three well separated classes, labelled 4, 7 and 9."""
    rng = np.random.default_rng(0)
    centres = np.eye(3, 8)
    labels = np.repeat(np.array([4, 7, 9]), 20)
    points = np.repeat(centres, 20, axis=0) + 0.1 * rng.standard_normal((60, 8))
    return points.astype(np.float32), labels.astype(np.int64)


def test_one_finite_score_per_row(scorer, world):
    embeddings, labels = world
    scores = scorer.fit(embeddings, labels).score(embeddings[:7], labels[:7])
    assert scores.shape == (7,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    assert scorer.score(embeddings[:0], labels[:0]).shape == (0,)


def test_higher_is_worse(scorer, world):
    embeddings, labels = world
    centre = embeddings[:20].mean(axis=0)
    other = embeddings[20:40].mean(axis=0)
    path = np.stack([centre + share * (other - centre) for share in (0.02, 0.3, 0.6, 0.98)]).astype(np.float32)
    scores = scorer.fit(embeddings, labels).score(path, np.full(4, 4))
    assert (np.diff(scores) > 0).all()
    assert scores[0] < scorer.threshold < scores[-1]


def test_real_images_pass_and_strangers_do_not(scorer, world):
    embeddings, labels = world
    scorer.fit(embeddings, labels)
    assert (scorer.score(embeddings, labels) <= scorer.threshold).mean() > 0.9
    wrong = np.roll(labels, 20)
    assert (scorer.score(embeddings, wrong) > scorer.threshold).all()


def test_equal_input_gives_equal_scores_whatever_the_company(scorer, world):
    embeddings, labels = world
    scores = scorer.fit(embeddings, labels).score(embeddings, labels)
    again = load_part(SCORERS, scorer.name, "scorer")().fit(embeddings, labels).score(embeddings, labels)
    np.testing.assert_array_equal(scores, again)
    alone = [scorer.score(embeddings[i : i + 1], labels[i : i + 1])[0] for i in range(60)]
    np.testing.assert_allclose(alone, scores, rtol=1e-9)


def test_a_class_of_one_image_is_judged(scorer, world):
    embeddings, labels = world
    single = np.zeros((1, 8), dtype=np.float32)
    single[0, 5] = 1
    scorer.fit(np.concatenate([embeddings, single]), np.append(labels, 11))
    near, far = scorer.score(np.concatenate([single * 0.95, embeddings[:1]]), np.array([11, 11]))
    assert near < scorer.threshold < far


def test_a_class_without_real_images_is_named(scorer, world):
    embeddings, labels = world
    scorer.fit(embeddings, labels)
    with pytest.raises(ToolError, match=r"class 5\b"):
        scorer.score(embeddings[:2], np.array([4, 5]))


def test_misuse_is_a_tool_error(scorer, world):
    embeddings, labels = world
    with pytest.raises(ToolError, match="not fitted"):
        scorer.score(embeddings, labels)
    with pytest.raises(ToolError, match="embed"):
        scorer.fit(embeddings[:0], labels[:0])
    with pytest.raises(ToolError, match="with"):
        scorer.fit(embeddings, labels[:5])
    with pytest.raises(ToolError, match="same model"):
        scorer.fit(embeddings, labels).score(embeddings[:, :5], labels)


def test_centre_ratio_by_hand():
    real = np.array([[0, 0], [2, 0], [10, 0], [10, 4]], dtype=np.float32)
    scorer = CentreRatioScorer().fit(real, np.array([0, 0, 1, 1]))
    # Centre (1, 0), mean distance 1; centre (10, 2), mean distance 2.
    np.testing.assert_allclose(
        scorer.score(np.array([[1, 3], [13, 6], [1, 0]], dtype=np.float32), np.array([0, 1, 0])), [3, 2.5, 0]
    )


def test_centre_ratio_of_copies_takes_the_spread_of_the_others():
    real = np.array([[5, 5], [5, 5], [0, 0], [2, 0]], dtype=np.float32)
    scorer = CentreRatioScorer().fit(real, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(scorer.score(np.array([[5, 7]], dtype=np.float32), np.array([0])), [2.0])


def test_margin_by_hand():
    scorer = MarginScorer().fit(np.array([[0, 0], [4, 0]], dtype=np.float32), np.array([0, 1]))
    np.testing.assert_allclose(
        scorer.score(np.array([[1, 0], [2, 0], [3, 0]], dtype=np.float32), np.array([0, 0, 0])), [1 / 3, 1, 3]
    )


def test_margin_needs_a_second_class():
    with pytest.raises(ToolError, match="two or more classes"):
        MarginScorer().fit(np.zeros((3, 2), dtype=np.float32), np.zeros(3, dtype=np.int64))


@pytest.fixture
def cars(shared_data):
    """What the released ATLANTIS ships: real and synthetic embeddings of 49 classes."""
    folder = shared_data / "atlantis_cars196"
    names = ("original_embeddings", "original_labels", "synthetic_embeddings", "synthetic_labels")
    real, real_labels, made, made_labels = (np.load(folder / f"{name}.npy") for name in names)
    return real, real_labels.astype(np.int64), made, made_labels.astype(np.int64)


def nearest_own(real, real_labels, made, made_labels):
    """Whether the nearest centre of 49 is the own one, by a slow loop."""
    centres = np.stack([real[real_labels == label].mean(axis=0) for label in range(49)])
    return np.array(
        [
            np.linalg.norm(centres - point, axis=1).argmin() == label
            for point, label in zip(made, made_labels, strict=True)
        ]
    )


@pytest.mark.data
def test_centre_ratio_rejects_what_the_released_rule_rejects(cars, shared_data):
    real, real_labels, made, made_labels = cars
    rejected = CentreRatioScorer().fit(real, real_labels).score(made, made_labels) > 1.5
    assert rejected.sum() == 528
    with (shared_data / "atlantis_cars196" / "outliers_per_class.csv").open() as file:
        for row in csv.DictReader(file):
            assert rejected[made_labels == int(row["label"])].sum() == int(row["rejected_1.5x"]), row["class"]
    assert nearest_own(*cars)[~rejected].mean() == pytest.approx(0.600, abs=0.0005)


@pytest.mark.data
def test_margin_keeps_a_larger_right_share_at_a_comparable_yield(cars):
    real, real_labels, made, made_labels = cars
    kept = MarginScorer().fit(real, real_labels).score(made, made_labels) <= MarginScorer().threshold
    assert kept.mean() > 0.7
    assert nearest_own(*cars)[kept].mean() > 0.66
    assert (MarginScorer().fit(real, real_labels).score(real, real_labels) <= MarginScorer().threshold).mean() > 0.95
