"""What answers are worth, tried on training photos: a part of them plays the pool, another part the queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.pool.answers import spread_answers
from atlantis_core.pool.held_out import HeldOut, Labelled, Unlabelled
from atlantis_core.pool.pseudo_labels import PseudoLabels, pseudo_label
from atlantis_core.pool.questions import choose_questions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUESTIONS = 20
"""Asked in each trial."""
_MOST_PHOTOS = 2000
"""Photos of a trial; a larger collection is sampled, since the cost is quadratic."""


def count_found_per_answer(held_out: Sequence[HeldOut]) -> float | None:
    """Return how many more queries one answer lets be found, if there is a query for each photo of the pool.

    In each trial one half of the held-out photos is the pool, the other half are the queries. The chosen questions
    are answered with the true labels, the answers are spread, and all accepted photos are put into the gallery,
    which has the pseudo-labelled ones without answers as well. An answer says something about the photos near it, so
    in a pool of P photos n answers raise Recall@1 by about n times this over P, if the queries are like the pool.

    Args:
        held_out: Trials of `hold_out_groups`.

    Returns:
        None without any trial; 0 where nothing is in doubt.
    """
    found = asked = 0
    for number, trial in enumerate(held_out):
        others = [other for other in held_out if other is not trial] or list(held_out)
        gained, questions = _try_answers(trial, others, np.random.default_rng(number))
        found, asked = found + gained, asked + questions
    if not held_out:
        return None
    return found / asked if asked else 0.0


def _try_answers(trial: HeldOut, others: Sequence[HeldOut], draws: np.random.Generator) -> tuple[int, int]:
    """Return how many more queries of a trial are found with answers, and how many answers that took."""
    rows = draws.permutation(len(trial.labels))[:_MOST_PHOTOS]
    of_pool, of_queries = np.sort(rows[: len(rows) // 2]), np.sort(rows[len(rows) // 2 :])
    if not len(of_pool):
        return 0, 0
    alike = trial.unknown.alike
    pool = Unlabelled(trial.unknown.embeddings[of_pool], None if alike is None else alike[of_pool])
    queries = Labelled(trial.unknown.embeddings[of_queries], trial.labels[of_queries])
    before = pseudo_label(trial.known, pool, others)
    questions = choose_questions(before, trial.known, pool, _QUESTIONS)
    answers = {question.row: str(trial.labels[of_pool][question.row]) for question in questions}
    after = spread_answers(answers, trial.known, pool, others)
    hits = [_count_hits(queries, trial.known, pool, one) for one in (before, after)]
    return hits[1] - hits[0], len(questions)


def _count_hits(queries: Labelled, known: Labelled, pool: Unlabelled, found: PseudoLabels) -> int:
    """Return how many queries are nearest to a photo of their class, with the accepted photos in the gallery."""
    rows = [one.row for one in found.accepted]
    gallery = np.concatenate([known.embeddings, pool.embeddings[rows]])
    names: NDArray[np.str_] = np.array([*known.labels.tolist(), *(one.class_name for one in found.accepted)])
    nearest = (queries.embeddings @ gallery.T).argmax(axis=1)
    return int((names[nearest] == queries.labels).sum())
