"""What a run will be able to prove, said before anything is trained or generated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.serialization import as_json
from atlantis_core.data.tasks import list_counted
from atlantis_core.metrics.paired_test import recalls_by_seed, share_of_error
from atlantis_core.metrics.power import Design, forecast
from atlantis_core.metrics.sequential import look_levels
from atlantis_core.metrics.variance_components import learn_spread, prior_spread
from atlantis_core.records import Forecast
from atlantis_core.run.diagnosis import is_in_cell
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import seed_sd
from atlantis_core.run.pilots import list_tries
from atlantis_core.run.seed_history import load_history

if TYPE_CHECKING:
    from atlantis_core.records import AnswerForecast, RunSpec
    from atlantis_core.run.session import Session


LOOKS_PER_ROUND = 3
"""Of missed queries, of the first images, and of what the filters did."""

LOOK_INPUT_TOKENS, LOOK_OUTPUT_TOKENS = 1700, 500
"""A sheet of 12 tiles: 1,000 for its image, the rest for instructions and names; some 40 for the answer on a tile."""


def write_forecast(session: Session) -> str:
    """Forecast a run that begins, write it down, and return it in words; empty if no query counts."""
    found = forecast_round(session)
    if found is None:
        return ""
    found = forecast_looks(found, session.spec)
    session.write(0, JournalKind.FORECAST, found)
    return "; ".join(filter(None, (found.sentence, found.looks_sentence)))


def forecast_looks(found: Forecast, spec: RunSpec) -> Forecast:
    """Return a forecast with what the looks of a run's vision model may cost; as it is if it has none."""
    if not spec.vision:
        return found
    looks, price = LOOKS_PER_ROUND * spec.budget.rounds, spec.prices.get(spec.vision)
    usd = looks * (LOOK_INPUT_TOKENS * price.input + LOOK_OUTPUT_TOKENS * price.output) / 1e6 if price else None
    return replace(found, looks=looks, look_tokens=looks * (LOOK_INPUT_TOKENS + LOOK_OUTPUT_TOKENS), look_usd=usd)


def forecast_facts(found: Forecast | AnswerForecast | None) -> dict[str, Any] | None:
    """Return a forecast as JSON, with its sentence."""
    if found is None:
        return None
    looks = {"looks_sentence": found.looks_sentence} if isinstance(found, Forecast) and found.looks else {}
    facts: dict[str, Any] = as_json(found)
    return facts | {"sentence": found.sentence} | looks


def forecast_round(session: Session) -> Forecast | None:
    """Forecast a round that tries the remedies which it would pilot now; see `forecast_run`."""
    return forecast_run(session, max(1, len(list_tries(session))))


def forecast_run(session: Session, tries: int = 1) -> Forecast | None:
    """Return what the first round can prove on the goal's queries, or on all; None if no query counts.

    `tries` is the number of remedies that it pilots, among which the judge divides its error. The spread of seeds is
    learned from the trainings of the workspace, where there are any with this recipe.
    """
    counted = list_counted(session.task)
    cells = session.goal.cells
    named = [image for image in counted if any(is_in_cell(cell, image) for cell in cells)]
    queries = named or counted
    if not queries:
        return None
    sizes = np.unique([image.label for image in queries], return_counts=True)[1].astype(np.float64)
    arms = recalls_by_seed(load_history(session), [image.id for image in queries])
    spread = learn_spread((), prior_spread(len(queries), sizes, seed_sd(session)), arms)
    design = Design(len(queries), len(sizes), spread, sum(len(arm) for arm in arms))
    error = share_of_error(1, session.spec.budget.rounds, tries)
    first, last = session.spec.seeds, session.max_seeds
    return replace(forecast(design, first, last, look_levels(error, first, last)), tries=tries)
