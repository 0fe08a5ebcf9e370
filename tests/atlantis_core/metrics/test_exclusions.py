"""Leave-out rules against a slow loop, and through images."""

from __future__ import annotations

import numpy as np
import pytest

from atlantis_core.metrics import tiles
from atlantis_core.metrics.exclusions import ExclusionRule, exclude_by_column
from atlantis_core.metrics.rank_counters import TIE
from atlantis_core.metrics.ranking import NO_HIT, Ranking, rank_gallery, rank_images

FIELDS = ("first_hit", "positives", "nearest", "ap_at_r", "r_precision")


def slow(scores, labels, gallery_labels, same, rules) -> list[tuple[int, int, float, float]]:
    """Return first hit, partners, AP@R and R-precision of every query by walking its gallery in order."""
    found = []
    for i, row in enumerate(scores):
        seen = []
        for j in range(len(row)):
            hidden = j == same[i]
            for rule in rules:
                shares = rule.queries[i] >= 0 and rule.queries[i] == rule.gallery[j]
                hidden |= shares and (not rule.own_class_only or labels[i] == gallery_labels[j])
            if not hidden:
                seen.append((row[j], bool(gallery_labels[j] == labels[i])))
        seen.sort(key=lambda pair: (-(pair[0] - TIE * pair[1]), pair[1]))  # a wrong image wins a tie
        order = [right for _, right in seen]
        wanted = sum(order)
        if not wanted:
            found.append((NO_HIT, 0, 0.0, 0.0))
            continue
        precision = sum(sum(order[: k + 1]) / (k + 1) for k in range(wanted) if order[k]) / wanted
        found.append((order.index(True), wanted, precision, sum(order[:wanted]) / wanted))
    return found


def as_rows(ranking: Ranking) -> list[tuple[int, int, float, float]]:
    columns = (ranking.first_hit, ranking.positives, ranking.ap_at_r, ranking.r_precision)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def draw(seed: int, number: int, classes: int):
    """Draw unit points, their classes, and their groups, some of none."""
    generator = np.random.default_rng(seed)
    points = generator.normal(size=(number, 24))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    groups = generator.integers(-1, 6, number)
    return points, generator.integers(0, classes, number), groups


@pytest.mark.parametrize("own_class_only", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_rule_agrees_with_a_slow_loop_where_queries_are_the_gallery(seed, own_class_only):
    points, labels, groups = draw(seed, 60, 7)
    scores = (points.astype(np.float64) @ points.T.astype(np.float64)) - 9 * np.eye(60)
    rule = ExclusionRule(groups, groups, own_class_only)
    found = rank_gallery(points, labels, points, labels, np.arange(60), ignoring=[rule])
    expected = slow(scores, labels, labels, np.arange(60), [rule])
    assert as_rows(found) == [pytest.approx(row) for row in expected]
    plain = rank_gallery(points, labels, points, labels, np.arange(60))
    assert as_rows(found) != as_rows(plain), "the rule changed nothing, so this shows nothing"


@pytest.mark.parametrize("seed", range(4))
def test_two_rules_hold_at_once_for_queries_of_their_own(seed):
    gallery, gallery_labels, gallery_groups = draw(seed, 90, 8)
    queries, labels, groups = draw(seed + 100, 20, 9)
    rules = [
        ExclusionRule(groups, gallery_groups),
        ExclusionRule(groups[::-1].copy(), gallery_groups[::-1].copy(), True),
    ]
    scores = queries.astype(np.float64) @ gallery.T.astype(np.float64)
    found = rank_gallery(queries, labels, gallery, gallery_labels, ignoring=rules)
    expected = slow(scores, labels, gallery_labels, np.full(20, -1), rules)
    assert as_rows(found) == [pytest.approx(row) for row in expected]


@pytest.mark.parametrize("own_class_only", [False, True])
def test_tiles_and_the_mirror_change_nothing(own_class_only):
    number = tiles._SIDE + 300
    generator = np.random.default_rng(5)
    points = (generator.integers(-6, 7, (number, 16)) / 64).astype(np.float32)  # exact, so that ties are ties
    labels, groups = generator.integers(0, 200, number), generator.integers(-1, 9, number)
    itself, rows = np.arange(number), generator.permutation(number)[:300]
    whole = rank_gallery(
        points, labels, points, labels, itself, ignoring=[ExclusionRule(groups, groups, own_class_only)]
    )
    some = rank_gallery(
        points[rows],
        labels[rows],
        points,
        labels,
        rows,
        ignoring=[ExclusionRule(groups[rows], groups, own_class_only)],
    )
    for name in FIELDS:
        assert getattr(whole, name)[rows].tolist() == getattr(some, name).tolist()


def test_what_is_left_out_of_a_small_gallery_is_as_if_it_were_not_there():
    points, labels, _ = draw(3, 40, 4)
    groups = np.repeat([0, 1], 20)
    found = rank_gallery(points[:20], labels[:20], points, labels, ignoring=[ExclusionRule(groups[:20], groups)])
    without = rank_gallery(points[:20], labels[:20], points[20:], labels[20:])
    assert as_rows(found) == as_rows(without)
    assert found.nearest.tolist() == (without.nearest + 20).tolist()


def test_junk_of_another_class_stays_in_the_way():
    query = np.array([[1, 0]], np.float32)
    gallery = np.array([[0.99, 0.14], [0.96, 0.28], [0.8, 0.6]], np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    labels, camera = np.array([0, 1, 0]), np.array([7, 7, 8])
    firsts = {
        junk: rank_gallery(
            query, np.array([0]), gallery, labels, ignoring=[ExclusionRule(np.array([7]), camera, junk)]
        ).first_hit[0]
        for junk in (False, True)
    }
    assert firsts == {False: 0, True: 1}


def test_images_without_a_value_share_with_none(image):
    queries = [image("a", "tug"), image("b", "tug"), image("c", "tug")]
    values = {"a": "1", "g": "1", "b": "", "h": ""}
    rule = exclude_by_column(queries, [image("g", "tug"), image("h", "tug")], "visit", values)
    assert rule.cells(slice(0, 3), slice(0, 2)).tolist() == [[True, False], [False, False], [False, False]]
    points = np.array([[1, 0], [1, 0]], np.float32)
    found = rank_images(queries[:1], points[:1], [image("g", "tug")], points[:1], ignoring=[])
    assert found.num_queries == 1
    alone = exclude_by_column(queries[:1], [image("g", "tug")], "visit", {"a": "1", "g": "1"})
    assert rank_images(queries[:1], points[:1], [image("g", "tug")], points[:1], ignoring=[alone]).num_left_out == 1


def test_a_rule_of_other_images_is_refused():
    points, labels, groups = draw(0, 10, 2)
    with pytest.raises(ValueError, match="does not fit 10 queries"):
        rank_gallery(points, labels, points, labels, ignoring=[ExclusionRule(groups[:9], groups)])
