"""Which remedy a round uses, given what the pilots gave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from atlantis_core.records import Comparison, Offer, Pilot
from atlantis_core.run.pilot_choice import GAIN_SD, TOO_FEW, UNAPPROVED, choose_pilot, describe_pilot, shrunk_gain


def pilot(remedy: str, gain: float | None, half: float = 0.02, p_value: float = 0.5) -> Pilot:
    is_image = remedy.startswith("generate")
    offer = Offer(remedy, "what it shows", makes_images=is_image, trainings=int(not remedy.startswith("serve")))
    found = None if gain is None else Comparison(0.5, 0.5 + gain, gain, gain - half, gain + half, p_value, 400, 1)
    return Pilot(offer, (), found, None, 10 * is_image, 8 * is_image, 1.0, failure="" if found else "no pool")


def test_an_expected_gain_is_shrunk_by_its_uncertainty() -> None:
    exact, vague = pilot("train:a=1", 0.03, 1e-6), pilot("train:a=1", 0.03, 1.96 * GAIN_SD)
    assert shrunk_gain(exact) == pytest.approx(0.03)
    assert shrunk_gain(vague) == pytest.approx(0.015)
    assert shrunk_gain(pilot("train:a=1", None)) == -1


@pytest.mark.parametrize(
    ("pilots", "chosen"),
    [
        # A small gain that is sure does not keep a larger one waiting; what is vague counts for less.
        ([pilot("serve:a", 0.02, p_value=0.001), pilot("generate", 0.05)], "generate"),
        ([pilot("serve:a", 0.02, p_value=0.001), pilot("generate", 0.05, half=0.12)], "serve:a"),
        ([pilot("serve:a", 0.06, p_value=0.02), pilot("generate", 0.01), pilot("train:b=1", 0.05)], "train:b=1"),
        ([pilot("serve:a", 0.02, p_value=0.001), pilot("serve:b", 0.04, p_value=0.001)], "serve:b"),
        # A pilot in small may miss a gain: an image remedy stays in the game while its interval reaches one.
        ([pilot("generate", -0.01, half=0.06)], "generate"),
        ([pilot("generate", None), pilot("train:b=1", 0.01)], "train:b=1"),
    ],
)
def test_the_most_promising_remedy_is_chosen(pilots: list[Pilot], chosen: str) -> None:
    found = choose_pilot(pilots, error=0.01)
    assert found is not None
    assert found.offer.remedy == chosen


@pytest.mark.parametrize("why", [UNAPPROVED, TOO_FEW])
def test_images_without_a_pilot_are_chosen_where_nothing_else_promises_a_gain(why: str) -> None:
    waiting = replace(pilot("generate", None), failure=why)
    sure, vague = pilot("serve:a", 0.02, p_value=0.001), pilot("serve:a", 0.02, p_value=0.4)
    assert choose_pilot([vague, waiting]) == waiting
    assert choose_pilot([sure, waiting]) == sure


def test_nothing_is_chosen_where_nothing_promises_a_gain() -> None:
    assert choose_pilot([pilot("generate", -0.05, half=0.01), pilot("serve:a", 0.001, p_value=0.4)]) is None
    assert choose_pilot([pilot("generate", None)]) is None


def test_a_remedy_that_other_queries_pay_for_is_not_chosen() -> None:
    strong, mild = pilot("serve:a", 0.20, p_value=0.0001), pilot("serve:b", 0.10, p_value=0.0001)
    harm = Comparison(0.8, 0.77, -0.03, -0.05, -0.01, 0.99, 300, 2)
    assert choose_pilot([replace(strong, others=harm), mild]) == mild
    unclear = replace(harm, high=0.01)
    assert choose_pilot([replace(strong, others=unclear), mild]).offer.remedy == "serve:a"
    assert "-0.030 (-0.050 to -0.010) on the other queries" in describe_pilot(replace(strong, others=harm))


def test_a_pilot_in_words() -> None:
    assert describe_pilot(pilot("generate", 0.05)) == "generate: +0.050 (+0.030 to +0.070), 8 of 10 images kept"
    assert describe_pilot(pilot("generate", None)) == "generate: not tried (no pool)"


def test_a_serving_that_more_seeds_would_prove_is_a_candidate() -> None:
    """Its pilot is the judge's first look, and the judge may add seeds."""
    unclear = pilot("serve:a", 0.10, p_value=0.02)
    spread = Comparison(
        0.5, 0.6, 0.10, -0.02, 0.22, 0.02, 400, 2, seed_variance=0.004, query_variance=1e-4, freedom=3
    )
    assert choose_pilot([replace(unclear, overall=spread)], 0.01, seeds=(2, 2)) is None
    assert choose_pilot([replace(unclear, overall=spread)], 0.01, seeds=(2, 6)) is not None
    # The queries alone leave a doubt that no seed removes.
    assert choose_pilot([replace(unclear, overall=replace(spread, query_variance=0.004))], 0.01, seeds=(2, 6)) is None


def test_seeds_that_do_not_differ_leave_the_doubt_of_the_queries() -> None:
    small = Comparison(0.5, 0.51, 0.01, -0.05, 0.07, 0.4, 400, 2, seed_variance=0, query_variance=1e-3, freedom=300)
    assert choose_pilot([replace(pilot("serve:a", 0.01, p_value=0.4), overall=small)], 0.01, seeds=(2, 5)) is None
