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
from atlantis_core.run.diagnosis import is_in_cell
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import seed_sd
from atlantis_core.run.pilots import list_tries
from atlantis_core.run.seed_history import load_history

if TYPE_CHECKING:
    from atlantis_core.records import AnswerForecast, Forecast
    from atlantis_core.run.session import Session


def write_forecast(session: Session) -> str:
    """Forecast a run that begins, write it down, and return it in words; empty if no query counts."""
    found = forecast_run(session, max(1, len(list_tries(session))))
    if found is None:
        return ""
    session.write(0, JournalKind.FORECAST, found)
    return found.sentence


def forecast_facts(found: Forecast | AnswerForecast | None) -> dict[str, Any] | None:
    """Return a forecast as JSON, with its sentence."""
    return None if found is None else as_json(found) | {"sentence": found.sentence}


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
