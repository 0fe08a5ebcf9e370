"""What a person's next answers may bring, before anybody is asked: from the questions, training photos and pilots."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from atlantis_core.base.hashing import content_hash
from atlantis_core.pool.answer_trial import count_found_per_answer
from atlantis_core.records import AnswerForecast
from atlantis_core.records.remedy import ANSWER_STEP
from atlantis_core.run.answers import find_answers, may_ask
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.labelling import choose_photo_questions, list_failing
from atlantis_core.run.pilot_choice import shrunk_gain
from atlantis_core.run.pool import find_photos, label_pool
from atlantis_core.run.pool_view import PoolView
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Pilot
    from atlantis_core.run.session import Session

_VERSION = 1
"""Raise it whenever the same trial would give another figure."""
_STEPS = 3


def write_answer_forecast(session: Session, round_index: int, model: str, pilots: Sequence[Pilot]) -> None:
    """Write the forecast of a round into its journal, where there is one."""
    found = forecast_answers(session, round_index, model, pilots)
    if found is not None:
        session.write(round_index, JournalKind.ANSWER_FORECAST, found)


def forecast_answers(
    session: Session, round_index: int, model: str, pilots: Sequence[Pilot]
) -> AnswerForecast | None:
    """Forecast what the next answers bring; None where nobody can be asked, or nothing is left to ask.

    Two estimates stand side by side. One is tried on training photos that play pool and queries. The other takes a
    photo whose class an answer takes out of doubt (`PhotoQuestion.settles`) to be worth what a rightly labelled photo
    was worth in the best pilot that used the pool: its expected gain, shrunk as in the choice of a remedy, divided by
    the number of photos that it is expected to have right. That is low where pilots hardly touch doubtful photos.
    """
    if session.spec.pool is None or not may_ask(session):
        return None
    questions = choose_photo_questions(session, model, session.spec.questions)[: ANSWER_STEP * _STEPS]
    if not questions:
        return None
    steps = [questions[start : start + ANSWER_STEP] for start in range(0, len(questions), ANSWER_STEP)]
    settles = tuple(round(sum(question.settles for question in step), 2) for step in steps)
    answered = sum(bool(answer.label) for answer in find_answers(session))
    tried = _try_on_training_photos(session, model)
    used = [pilot for pilot in pilots if pilot.deciding and parse_remedy(pilot.offer.remedy)[0].uses_pool]
    if not used:
        return AnswerForecast(answered, settles, tried)
    best = max(used, key=shrunk_gain)
    asks, failing = parse_remedy(best.offer.remedy)[0].asks, sorted(list_failing(session))
    right = sum(label.rate for label in label_pool(session, model, failing, ask=asks, round_index=round_index))
    share, found = settles[0] / right if right else 0.0, best.deciding
    low, high = (found.low * share, found.high * share) if found else (0.0, 0.0)
    return AnswerForecast(answered, settles, tried, best.offer.remedy, shrunk_gain(best) * share, low, high)


def _try_on_training_photos(session: Session, model: str) -> float | None:
    """Return the gain of `ANSWER_STEP` answers in a pool of this size; the trial is made once per model."""
    photos = find_photos(session)
    key = content_hash("answer_trial", [_VERSION, model, session.spec.collection_id])
    found = session.workspace.results.find(key)
    if found is None:
        started = time.monotonic()
        found = {"found_per_answer": count_found_per_answer(PoolView(session, model, photos).held_out)}
        session.workspace.results.add(key, "answer_trial", found, time.monotonic() - started)
    per_answer = found["found_per_answer"]
    return None if per_answer is None else ANSWER_STEP * per_answer / len(photos)
