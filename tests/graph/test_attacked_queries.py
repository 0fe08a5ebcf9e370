"""Runs about attacked queries: what is measured, what is offered against it, and that clean queries are guarded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from atlantis_core.learning.attacks import Attack
from atlantis_core.learning.robustness import measure_robustness
from atlantis_core.records import Protocol
from atlantis_core.run.judging import TOLERATED_CLEAN_LOSS, judge_round
from atlantis_core.run.measurements import find_outcomes, load_outcomes, measure_trial
from atlantis_core.run.remedies.train import Train, measure_rarest
from atlantis_core.run.training_set import collect_real
from atlantis_core.run.trial_checkpoints import load_trial_retriever
from atlantis_core.run.trials import train_arm
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
ATTACK = "pgd:epsilon=4,steps=2"
PROTOCOL = Protocol("p", 1, "edit", (), "all", "all", "margin", 1.0, 0.1, "train:lr_head=0.5")


def test_a_trial_is_measured_on_the_attacked_queries_and_apart_from_the_clean_ones(begin: Begin) -> None:
    session = begin(attack=ATTACK).session
    (trial,) = train_arm(session, [1], collect_real(session))
    attacked, clean = measure_trial(session, trial), measure_trial(session.without_attack(), trial)
    assert attacked is not None
    assert clean is not None
    expected = measure_robustness(load_trial_retriever(trial), session.task, Attack("pgd", 4.0, 2))
    # activations are cached in half precision, so that a few neighbours may differ
    assert attacked[0].recall_at[1] == pytest.approx(expected.robust.recall_at[1], abs=0.03)
    assert clean[0].recall_at[1] == pytest.approx(expected.clean.recall_at[1], abs=0.03)
    assert np.mean(attacked[1].hit) < np.mean(clean[1].hit)
    again = measure_trial(session, trial)  # from the store
    assert again is not None
    assert (again[0], again[1].hit.tolist()) == (attacked[0], attacked[1].hit.tolist())
    stored = find_outcomes(session, trial.id)
    assert stored is not None
    assert stored.hit.tolist() == attacked[1].hit.tolist()
    assert session.without_attack().without_attack().spec.attack == ""


def test_training_on_attacked_images_is_offered_for_attacked_queries_alone(begin: Begin) -> None:
    attacked = begin(attack=ATTACK).session
    (offer,) = Train().list_offers(attacked)
    assert "attack=pgd:epsilon=4" in offer.remedy
    recipe = Train().change_recipe(attacked.recipe, offer.remedy.partition(":")[2])
    assert (recipe.feed, recipe.trainable_fraction, recipe.attack_share) == ("online", 1.0, 0.5)
    assert 0 <= measure_rarest(attacked) <= 1


def test_a_round_that_loses_clean_recall_is_rolled_back_whatever_it_gains(begin: Begin) -> None:
    session = begin(attack=ATTACK).session
    good, poor = (
        [trial.id for trial in train_arm(session, [1, 2], collect_real(session), recipe)]
        for recipe in (session.recipe, replace(session.recipe, steps=1, lr_head=0.5, warmup_steps=0))
    )
    decision = judge_round(session, 1, PROTOCOL, {"baseline": good, "incumbent": good, "candidate": poor})
    assert decision.clean is not None
    hits = [
        np.mean([np.mean(found.hit) for found in load_outcomes(session.without_attack(), arm) if found])
        for arm in (good, poor)
    ]
    assert decision.clean.gain == pytest.approx(hits[1] - hits[0], abs=1e-6)
    assert decision.clean.gain < -TOLERATED_CLEAN_LOSS
    assert not decision.kept
    assert "on clean queries" in decision.reason
    clean = session.without_attack()
    assert judge_round(clean, 1, PROTOCOL, {"baseline": good, "incumbent": good, "candidate": poor}).clean is None
