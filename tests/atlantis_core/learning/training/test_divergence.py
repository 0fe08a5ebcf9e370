from __future__ import annotations

import math

import pytest
import torch

from atlantis_core.base.errors import TrainingFailed
from atlantis_core.learning.training.divergence import DivergenceMonitor

SPREAD = torch.eye(4)
POINT = torch.ones(4, 4)


def look(health: DivergenceMonitor, steps: list[tuple[float, torch.Tensor]]) -> None:
    for loss, embeddings in steps:
        health.check(loss, 1.0, embeddings)


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, math.inf)])
def test_numbers_that_are_not_finite_fail(loss: float, norm: float) -> None:
    health = DivergenceMonitor()
    health.check(1.0, 1.0, SPREAD)
    with pytest.raises(TrainingFailed, match=r"at step 1$"):
        health.check(loss, norm, SPREAD)


def test_a_loss_that_rises_and_rises_fails() -> None:
    health = DivergenceMonitor()
    with pytest.raises(TrainingFailed, match="the loss rose"):
        look(health, [(1.0 + 0.2 * step, SPREAD) for step in range(200)])


def test_a_noisy_loss_and_one_that_starts_at_nothing_go_on() -> None:
    for first in (3.0, 0.0, -2.0):
        health = DivergenceMonitor()
        for step in range(200):
            health.check(first + (step % 3), 1.0, SPREAD)
        assert len(health.losses) == 200


def test_embeddings_that_are_one_point_fail_but_not_at_once() -> None:
    health = DivergenceMonitor()
    for _ in range(19):
        health.check(1.0, 1.0, POINT)
    health.check(1.0, 1.0, SPREAD)
    with pytest.raises(TrainingFailed, match="all images have had the same one for 20 steps"):
        look(health, [(1.0, POINT + 1e-5 * SPREAD)] * 20)


@pytest.mark.parametrize("losses", [[600.0] * 4 + [1e7] * 4, [1.0, 1.0, 9.0, 9.0]])
def test_a_short_training_whose_loss_ends_far_above_its_beginning_fails(losses: list[float]) -> None:
    health = DivergenceMonitor()
    look(health, [(loss, SPREAD) for loss in losses])
    with pytest.raises(TrainingFailed, match="the loss rose"):
        health.conclude(SPREAD)


@pytest.mark.parametrize("losses", [[], [3.0], [0.6, 9.0], [600.0, 590.0, 640.0, 580.0], [0.1, 0.1, 4.0, 4.0]])
def test_a_training_of_few_and_noisy_steps_is_no_failure(losses: list[float]) -> None:
    health = DivergenceMonitor()
    look(health, [(loss, SPREAD) for loss in losses])
    health.conclude(SPREAD)


@pytest.mark.parametrize(
    ("embeddings", "words"),
    [(POINT + 1e-5 * SPREAD, "all images have the same one"), (math.nan * SPREAD, "not finite")],
)
def test_a_training_must_not_end_in_one_point(embeddings: torch.Tensor, words: str) -> None:
    with pytest.raises(TrainingFailed, match=f"{words} after the last step"):
        DivergenceMonitor().conclude(embeddings)
