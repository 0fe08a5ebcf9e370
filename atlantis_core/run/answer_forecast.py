"""What a person's next answers may bring, before anybody is asked: computed from questions and pilots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.records import AnswerForecast
from atlantis_core.run.answers import find_answers
from atlantis_core.run.labelling import choose_photo_questions, list_failing
from atlantis_core.run.pilot_choice import shrunk_gain
from atlantis_core.run.pool import label_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Pilot
    from atlantis_core.run.session import Session

STEP = 10
"""Answers that a forecast is about."""

_STEPS = 3
_USING_POOL = ("self_train", "ask_labels")


def forecast_answers(
    session: Session, round_index: int, model: str, pilots: Sequence[Pilot]
) -> AnswerForecast | None:
    """Forecast what the next answers bring; None where nobody can be asked.

    An answer settles the photos whose class it takes out of doubt (`PhotoQuestion.settles`). A settled photo is taken
    to be worth what a rightly labelled photo of the pool was worth in the best pilot that used the pool: its expected
    gain, shrunk as in the choice of a remedy, divided by the number of photos that it is expected to have right. So
    the forecast is no better than that pilot; nothing is trained or measured for it.
    """
    if session.spec.pool is None or "ask_labels" not in session.spec.remedies:
        return None
    questions = choose_photo_questions(session, model, session.spec.questions)[: STEP * _STEPS]
    steps = [questions[start : start + STEP] for start in range(0, len(questions), STEP)]
    settles = tuple(round(sum(question.settles for question in step), 2) for step in steps)
    if not settles:
        return None
    answered = sum(bool(answer.label) for answer in find_answers(session))
    used = [pilot for pilot in pilots if pilot.offer.remedy.split(":")[0] in _USING_POOL and pilot.deciding]
    if not used:
        return AnswerForecast(answered, settles)
    best = max(used, key=shrunk_gain)
    asks, failing = best.offer.remedy.startswith("ask_labels"), sorted(list_failing(session))
    right = sum(label.rate for label in label_pool(session, model, failing, ask=asks, round_index=round_index))
    share = settles[0] / right if right else 0.0
    found = best.deciding
    low, high = (found.low * share, found.high * share) if found else (0.0, 0.0)
    return AnswerForecast(answered, settles, best.offer.remedy, shrunk_gain(best) * share, low, high)


def describe_answer_forecast(forecast: AnswerForecast) -> str:
    """Return a forecast as one sentence that says that it is one."""
    photos = f"{STEP} more answers of a person would settle the class of about {forecast.settles[0]:.0f} photos"
    if forecast.gain is None or forecast.low is None or forecast.high is None:
        return f"forecast: {photos}; no pilot says what that is worth"
    low, high = 100 * forecast.low, 100 * forecast.high
    return (
        f"forecast, not measured: {photos}, by the pilot of {forecast.basis} {100 * forecast.gain:+.1f} points "
        f"({low:+.1f} to {high:+.1f}) on the same queries"
    )
