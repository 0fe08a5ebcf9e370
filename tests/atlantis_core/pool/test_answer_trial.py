"""What an answer is worth, tried on training photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from atlantis_core.pool.answer_trial import count_found_per_answer
from atlantis_core.pool.held_out import HeldOut, Labelled, Unlabelled, hold_out_groups
from tests.atlantis_core.pool.worlds import draw_world


def _trials(blur: float) -> list[HeldOut]:
    points, labels, _ = draw_world(classes=20, blur=blur)
    return hold_out_groups(Labelled(points, labels), points)


def test_answers_help_where_the_teacher_is_in_doubt() -> None:
    doubtful = count_found_per_answer(_trials(1.1))
    assert doubtful is not None
    assert 0 < doubtful < 10
    assert count_found_per_answer(_trials(1.1)) == doubtful, "the same each time"


def test_answers_add_nothing_where_every_query_is_found_already() -> None:
    places = np.eye(8, dtype=np.float32).repeat(9, axis=0)  # eight classes, each one point
    labels = np.repeat([f"c{number}" for number in range(8)], 9)
    train = Labelled(places, labels)
    trial = HeldOut(train, Unlabelled(places), labels)
    assert count_found_per_answer([trial, replace(trial)]) == pytest.approx(0.0)


def test_without_a_trial_there_is_no_figure() -> None:
    assert count_found_per_answer([]) is None
