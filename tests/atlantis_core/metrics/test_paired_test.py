from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_test import compare, share_of_error
from atlantis_core.metrics.sequential import take_look
from atlantis_core.records import Comparison

IDS = tuple(f"q{number}" for number in range(40))
LABELS = {identity: f"class{number % 10}" for number, identity in enumerate(IDS)}


def outcomes(hit: ArrayLike, ids: tuple[str, ...] = IDS) -> QueryOutcomes:
    return QueryOutcomes(ids, np.asarray(hit, np.bool_), tuple("x" for _ in ids))


def half() -> NDArray[np.bool_]:
    return np.arange(40) % 4 < 2


def test_a_plain_gain_is_seen():
    before, after = half(), half() | (np.arange(40) % 3 == 0)
    found = compare([outcomes(before)] * 2, [outcomes(after)] * 2, LABELS)
    assert found.before == pytest.approx(before.mean())
    assert found.after == pytest.approx(after.mean())
    assert found.gain == pytest.approx(after.mean() - before.mean())
    assert found.low < found.gain < found.high
    assert found.p_value < 0.02
    assert (found.queries, found.seeds) == (40, 2)


def test_arms_that_agree_prove_nothing():
    found = compare([outcomes(half())] * 3, [outcomes(half())] * 3, LABELS)
    assert (found.gain, found.p_value) == (0, 1)
    assert found.low < 0 < found.high


def test_a_loss_is_not_proven():
    found = compare([outcomes(half())] * 2, [outcomes(np.zeros(40))] * 2, LABELS)
    assert found.gain < 0
    assert found.p_value > 0.99
    assert take_look(found, 0.05, 2, 2).verdict != "proven"


def test_queries_are_matched_by_id_not_by_place():
    order = np.random.default_rng(0).permutation(40)
    after = half() | (np.arange(40) % 3 == 0)
    shuffled = outcomes(after[order], tuple(IDS[i] for i in order))
    straight = compare([outcomes(half())], [outcomes(after)], LABELS)
    assert compare([outcomes(half())], [shuffled], LABELS) == straight


def test_only_common_and_selected_queries_count():
    fewer = outcomes(half()[:30], IDS[:30])
    found = compare([outcomes(half())], [fewer], LABELS, select=[*IDS[5:35], "unheard of"])
    assert found.queries == 25


def test_seeds_that_disagree_weaken_the_proof():
    gained, same = half() | (np.arange(40) % 3 == 0), half()
    agreeing = np.where(np.arange(40) % 6 == 0, gained, same)
    other = np.where(np.arange(40) % 6 == 3, gained, same)
    steady = compare([outcomes(same)] * 2, [outcomes(agreeing), outcomes(other)], LABELS)
    wild = compare([outcomes(same)] * 2, [outcomes(gained), outcomes(same)], LABELS)
    assert abs(steady.gain - wild.gain) < 0.05
    assert wild.high - wild.low > steady.high - steady.low
    assert wild.p_value > steady.p_value


def test_classes_that_move_as_one_weaken_the_proof():
    spread = half() | (np.arange(40) % 5 == 2)
    lumped = half() | np.isin(np.arange(40) % 10, [2, 3])
    assert spread.sum() == lumped.sum()
    loose = compare([outcomes(half())], [outcomes(spread)], LABELS)
    whole = compare([outcomes(half())], [outcomes(lumped)], {i: LABELS[i] for i in IDS})
    assert loose.gain == whole.gain
    assert whole.p_value >= loose.p_value


def test_a_crashed_candidate_compares_worst():
    good = half() | (np.arange(40) % 3 == 0)
    whole = compare([outcomes(half())] * 2, [outcomes(good)] * 2, LABELS)
    crashed = compare([outcomes(half())] * 2, [outcomes(good), None], LABELS)
    assert crashed.after == pytest.approx(good.mean() / 2)
    assert crashed.p_value > 0.5 > whole.p_value
    assert crashed.seeds == 2


def test_a_crashed_control_proves_nothing():
    good = half() | (np.arange(40) % 3 == 0)
    whole = compare([outcomes(half())], [outcomes(good)], LABELS)
    assert compare([None, outcomes(half())], [outcomes(np.ones(40)), outcomes(good)], LABELS) == whole
    with pytest.raises(TrainingFailed, match="every training of the control"):
        compare([None], [outcomes(good)], LABELS)


def test_few_classes_fall_back_on_queries():
    two = {identity: f"class{number % 2}" for number, identity in enumerate(IDS)}
    good = np.ones(40)
    found = compare([outcomes(half())] * 2, [outcomes(good)] * 2, two)
    assert found.p_value < 0.001


@pytest.mark.parametrize("queries", [1, 2, 3])
def test_a_handful_of_queries_never_proves(queries):
    ids = IDS[:queries]
    found = compare([outcomes(np.zeros(queries), ids)] * 5, [outcomes(np.ones(queries), ids)] * 5, LABELS, seed_sd=0)
    assert found.gain == 1
    assert found.p_value >= 0.5**queries


@pytest.mark.parametrize(
    ("control", "candidate", "labels", "complaint"),
    [
        ([], [], LABELS, "cannot be paired"),
        ([outcomes(half())], [], LABELS, "1 control and 0 candidate"),
        ([outcomes(half())], [outcomes([True], ("z",))], LABELS, "no query is common"),
        ([outcomes(half())], [outcomes(half())], {}, "have no class"),
    ],
)
def test_what_cannot_be_compared_is_refused(control, candidate, labels, complaint):
    with pytest.raises(ValueError, match=complaint):
        compare(control, candidate, labels)


def comparison(p_value: float, gain: float = 0.1) -> Comparison:
    return Comparison(0.5, 0.5 + gain, gain, 0.0, 0.2, p_value, 300, 2)


def test_the_rounds_and_pilots_share_the_error():
    assert share_of_error(1, 1) == pytest.approx(0.05)
    levels = [share_of_error(number, 4) for number in range(1, 5)]
    assert sum(levels) == pytest.approx(0.05)
    assert levels == sorted(levels, reverse=True)
    assert share_of_error(2, 4, pilots=5) == pytest.approx(levels[1] / 5)


def test_no_gain_is_never_proven():
    assert take_look(comparison(0.0, gain=0.0), 0.05, 2, 2).verdict != "proven"
    assert take_look(dataclasses.replace(comparison(0.0), gain=0.01), 0.05, 2, 2).verdict == "proven"


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_round_outside_the_run_is_refused(number):
    with pytest.raises(ValueError, match=r"not one of 1\.\.3"):
        share_of_error(number, 3)


def test_a_handful_of_unchanged_queries_proves_little():
    few = compare([outcomes(half())] * 2, [outcomes(half())] * 2, LABELS, select=IDS[:10])
    many = compare([outcomes(half())] * 2, [outcomes(half())] * 2, LABELS)
    assert few.high - few.low > 1.5 * (many.high - many.low) > 0


def test_few_classes_are_not_taken_for_many_queries():
    """The same gain on the same queries: of 2 classes it may be the classes' own noise, of 20 hardly."""
    before, after = half(), half() | (np.arange(40) % 3 == 0)
    ids = [f"q{number}" for number in range(40)]
    found = {
        classes: compare(
            [outcomes(before)] * 2, [outcomes(after)] * 2, {i: str(n % classes) for n, i in enumerate(ids)}
        )
        for classes in (2, 20)
    }
    assert found[2].p_value > 0.02 > found[20].p_value
