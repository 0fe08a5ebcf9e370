"""Pilots: cheap first tries of remedies with the diagnosing seed, before a round spends its images.

A serving is tried on the trained diagnosing model: seconds, and its interval is that of the queries alone, since both
arms share the model. Anything else takes one training, with at most a tenth of the round's images. The seeds that
judge the round are never used; because pilots see the same queries as the judge, the judge divides its error by the
number of pilots.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import NothingGenerated, SetupError, ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.metrics.paired_test import ERROR_OF_RUN
from atlantis_core.records import Candidate, Cell, Comparison, Offer, Pilot, Protocol
from atlantis_core.run.measurements import compare_arms, counted_in_cells, load_outcomes, seed_sd
from atlantis_core.run.models import name_model, split_model
from atlantis_core.run.protocol_rules import scale_protocol
from atlantis_core.run.remedies import parse_remedy
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.run.round_images import build_guard, make_candidates, screen
from atlantis_core.run.training_set import apply_remedy, plan_arm
from atlantis_core.run.trials import train_arm

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

IMAGE_SHARE = 0.1
"""Share of a round's images that a pilot may make."""

GAIN_SD = 0.03
"""Prior standard deviation of what a remedy gains in Recall@1: estimates are shrunk towards 0 by it."""


FEWEST_IMAGES = 8
"""A pilot with fewer images says nothing: one or two that the filters reject would condemn a remedy."""

UNAPPROVED = "no image is generated before a person approves it"
"""Why a pilot of a run that waits for approval was not made."""

TOO_FEW = f"a tenth of this round's images is fewer than {FEWEST_IMAGES}"
"""Why a pilot of a small round was not made."""

LEAST_GAIN = 0.005
"""Gain in Recall@1 below which a remedy is not worth a round."""


def list_offers(session: Session) -> list[Offer]:
    """Return what each remedy that the run may use offers, less what a round tried without being kept."""
    tried = {judged.protocol.remedy for judged in read_judged_rounds(session) if not judged.is_kept}
    offers = [offer for name in session.spec.remedies for offer in parse_remedy(name)[0].list_offers(session)]
    # Images for other cells may help although these did not; a recipe or a serving is the same again.
    return [offer for offer in offers if offer.makes_images or offer.remedy not in tried]


def run_pilots(
    session: Session, round_index: int, draft: Protocol, model: str, offers: Iterable[Offer]
) -> tuple[Pilot, ...]:
    """Try each offer on the cells of a draft, against the diagnosing model; return the most promising first."""
    pilots = [_run_pilot(session, round_index, draft, model, offer) for offer in offers]
    return tuple(sorted(pilots, key=lambda pilot: -shrunk_gain(pilot)))


def shrunk_gain(pilot: Pilot) -> float:
    """Return the expected gain of a pilot in Recall@1: the measured one, shrunk towards 0 by its uncertainty.

    Posterior mean of a normal gain with mean 0 and standard deviation `GAIN_SD`; -1 where it could not be tried.
    """
    return -1.0 if pilot.deciding is None else _shrink(pilot.deciding)


def choose_pilot(pilots: Sequence[Pilot]) -> Pilot | None:
    """Return the pilot whose remedy the round should use; None if none promises a gain.

    A serving that already passes the judge's test with the diagnosing seed comes first: it costs nothing. Of the
    others it is the one with the highest expected gain, unless even an optimistic estimate is below `LEAST_GAIN`. If
    none of these promises a gain, it is the first whose images could not be piloted.
    """
    tried = [(pilot, pilot.deciding) for pilot in pilots if pilot.deciding is not None]
    free = [one for one, found in tried if _is_free(one) and found.p_value <= ERROR_OF_RUN / len(tried)]
    paid = [one for one, found in tried if not _is_free(one) and _optimistic_gain(found) >= LEAST_GAIN]
    untried = next((pilot for pilot in pilots if pilot.failure in {UNAPPROVED, TOO_FEW}), None)
    return max(free or paid, key=shrunk_gain, default=untried)


def _is_free(pilot: Pilot) -> bool:
    return not pilot.offer.makes_images and not pilot.offer.trainings


def _variance(found: Comparison) -> float:
    half = (found.high - found.low) / 2
    return (half / 1.96) ** 2


def _shrink(found: Comparison) -> float:
    return found.gain * GAIN_SD**2 / (GAIN_SD**2 + _variance(found))


def _optimistic_gain(found: Comparison) -> float:
    """Return the 95 % quantile of the posterior of a gain."""
    prior, variance = GAIN_SD**2, _variance(found)
    return _shrink(found) + 1.64 * math.sqrt(prior * variance / (prior + variance))


def _run_pilot(session: Session, round_index: int, draft: Protocol, model: str, offer: Offer) -> Pilot:
    """Try one offer; if it cannot be tried here, the pilot says why."""
    started, protocol = time.monotonic(), replace(draft, remedy=offer.remedy)
    cells = tuple(request.cell for request in draft.cells)
    made: list[Candidate] = []
    kept: list[Candidate] = []
    failure = ""
    compared: tuple[Comparison | None, Comparison | None] = (None, None)
    with session.span("pilot", offer.remedy, {"remedy": offer.remedy}) as span:
        try:
            if offer.makes_images:
                _check_spending(session, protocol)
                made, kept = _make_images(session, round_index, protocol, model)
            compared = _compare(session, model, _train_pilot(session, round_index, protocol, model, kept), cells)
        except (ToolError, SetupError) as error:
            span.status, failure = "failed", str(error)
        seconds = round(time.monotonic() - started, 2)
        pilot = Pilot(offer, cells, *compared, images=len(made), kept=len(kept), seconds=seconds, failure=failure)
        span.output = pilot
    return pilot


def _check_spending(session: Session, protocol: Protocol) -> None:
    """Refuse a pilot that may not or should not spend images; a `ToolError` says why."""
    if not parse_remedy(protocol.remedy)[0].spends_images:
        return
    if not session.spec.auto:
        raise ToolError(UNAPPROVED)
    if round(IMAGE_SHARE * protocol.num_images) < FEWEST_IMAGES:
        raise ToolError(TOO_FEW)


def _make_images(
    session: Session, round_index: int, protocol: Protocol, model: str
) -> tuple[list[Candidate], list[Candidate]]:
    """Generate a share of a protocol's images; return all, and those that pass the filters.

    Photos that exist already, of a pool, cost nothing: of those all are taken.

    Raises:
        NothingGenerated: None passed them.
    """
    small = scale_protocol(protocol, max(1, round(IMAGE_SHARE * protocol.num_images)))
    made = make_candidates(session, round_index, small, model)
    verdicts, _ = screen(session, made, small, model, build_guard(session))
    passed = {verdict.candidate_key for verdict in verdicts if verdict.kept}
    kept = [candidate for candidate in made if candidate.key in passed]
    if not kept:
        raise NothingGenerated(f"none of {len(made)} images passed the filters")
    return made, kept


def _train_pilot(
    session: Session, round_index: int, protocol: Protocol, model: str, kept: Sequence[Candidate]
) -> str:
    """Return the model of the pilot: the diagnosing seed with the remedy on top of the incumbent's arm."""
    incumbent = plan_arm(session, "incumbent", round_index)
    plan = apply_remedy(session, incumbent, protocol, kept)
    if (plan.synthetic, plan.recipe) == (incumbent.synthetic, incumbent.recipe):
        return name_model(split_model(model)[0], plan.serving)
    (trial,) = train_arm(session, [session.diagnosing_seed], plan.list_images(session), plan.recipe)
    return name_model(trial.id, plan.serving)


def _compare(
    session: Session, incumbent: str, pilot: str, cells: Sequence[Cell]
) -> tuple[Comparison, Comparison | None]:
    """Compare two models overall and on the cells; models of one trial differ by no training, so by no seed."""
    before, after = load_outcomes(session, [incumbent]), load_outcomes(session, [pilot])
    spread, select = seed_sd(session, [incumbent], [pilot]), counted_in_cells(session, cells, before)
    targeted = compare_arms(session, before, after, select, spread) if select else None
    return compare_arms(session, before, after, None, spread), targeted


def fit_to_budget(session: Session, round_index: int, protocol: Protocol, model: str) -> Protocol:
    """Return a protocol that the budget's images cover; those that a pilot made already cost nothing again."""
    left, remedy = session.images_left, parse_remedy(protocol.remedy)[0]
    if left is None or not (remedy.makes_images and remedy.spends_images):
        return protocol
    keys = [request.key for request in remedy.build_requests(session, round_index, protocol, model)]
    new = session.workspace.ledger.unbooked_references(session.run_id, "images", keys)
    excess = len(new) - int(left)
    return protocol if excess <= 0 else scale_protocol(protocol, max(1, protocol.num_images - excess))


def describe_pilot(pilot: Pilot) -> str:
    """Return a pilot in one line: its remedy, gain, interval and cost."""
    found = pilot.deciding
    if found is None:
        return f"{pilot.offer.remedy}: not tried ({pilot.failure})"
    images = f", {pilot.kept} of {count_noun(pilot.images, 'image')} kept" if pilot.images else ""
    return f"{pilot.offer.remedy}: {found.gain:+.3f} ({found.low:+.3f} to {found.high:+.3f}){images}"
