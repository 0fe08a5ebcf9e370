"""Pilots: cheap first tries of remedies, before a round spends its images.

A remedy without a training, such as a serving, is tried on the incumbent's own models: seconds, and its interval is
that of the queries alone, since both arms share the models. Anything else takes one training with the diagnosing
seed, with at most a tenth of the round's images. It is compared with the incumbent's first judging seed: the model
that the cells were found with was unlucky there, so that any other training would seem to gain. Pilots see the
queries and models of the judge, who therefore divides the error by their number: whichever is chosen, one of that
many tests would have to err.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from atlantis_core.base.errors import NothingGenerated, SetupError, ToolError
from atlantis_core.records import Candidate, Cell, Comparison, GapGroup, GroupGain, Offer, Pilot, Protocol
from atlantis_core.run.allocation import load_allocation
from atlantis_core.run.capabilities import drop_unshowable
from atlantis_core.run.gap_groups import group_cells, measure_groups
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judged_cells import list_judged_cells
from atlantis_core.run.measurements import compare_arms, compare_in_cells, load_outcomes, seed_sd
from atlantis_core.run.memory import Memory
from atlantis_core.run.models import name_model, split_model
from atlantis_core.run.other_queries import compare_others
from atlantis_core.run.pilot_choice import (
    FEWEST_IMAGES,
    TOO_FEW,
    UNAPPROVED,
    Prior,
    is_whole,
    learn_prior,
    shrunk_gain,
)
from atlantis_core.run.protocol_rules import scale_protocol
from atlantis_core.run.remedies import parse_remedy
from atlantis_core.run.round import read_arms, read_judged_rounds
from atlantis_core.run.round_images import build_guard, make_candidates, screen
from atlantis_core.run.training_set import apply_remedy, is_in_effect, plan_arm
from atlantis_core.run.trials import train_arm

if TYPE_CHECKING:
    from atlantis_core.filtering.leak_guard import LeakGuard
    from atlantis_core.run.session import Session

IMAGE_SHARE = 0.1
"""Share of a round's images that a pilot may make."""


def list_offers(session: Session) -> list[Offer]:
    """Return what each remedy that the run may use offers, less what a round tried or the incumbent has already."""
    judged = read_judged_rounds(session)
    tried = {one.protocol.remedy for one in judged if not one.is_kept}
    incumbent = plan_arm(session, "incumbent", judged[-1].index if judged else 0)
    offers = [offer for name in session.spec.remedies for offer in parse_remedy(name)[0].list_offers(session)]
    # Images for other cells may help although these did not; a recipe or a serving is the same again.
    return [
        offer
        for offer in offers
        if offer.makes_images or not (offer.remedy in tried or is_in_effect(session, incumbent, offer.remedy))
    ]


def list_tries(session: Session) -> list[Offer]:
    """Return what a round would pilot: the offers, but nothing in a control arm."""
    return [] if load_allocation(session.spec.spread).pilots == "never" else list_offers(session)


def run_pilots(
    session: Session, round_index: int, draft: Protocol, model: str, offers: Iterable[Offer]
) -> tuple[Pilot, ...]:
    """Try each offer on a draft; `model` is the diagnosing model. Return the most promising first."""
    gaps = session.read(round_index, JournalKind.GAPS) or ()
    groups = group_cells(gaps, [request.cell for request in draft.cells])
    memory, setting = Memory(session), _Setting(session, round_index, draft, model, groups)
    pilots = [_skip_refuted(session, memory, draft, offer) or _run_pilot(setting, offer) for offer in offers]
    return add_pilots(session, (), pilots)


def add_pilots(session: Session, before: Iterable[Pilot], pilots: Iterable[Pilot]) -> tuple[Pilot, ...]:
    """Return a round's pilots with new ones, the most promising first; a remedy tried again stands once.

    Those tried before stay: the judge divides its error by their number.
    """
    every = {pilot.offer.remedy: pilot for pilot in (*before, *pilots)}
    priors = learn_priors(session, every.values())
    return tuple(sorted(every.values(), key=lambda pilot: -shrunk_gain(pilot, priors[pilot.offer.remedy])))


def learn_priors(session: Session, pilots: Iterable[Pilot]) -> dict[str, Prior]:
    """Return what earlier runs let one expect of each remedy that was piloted."""
    memory, priors = Memory(session), {}
    for pilot in pilots:
        by_training = not is_whole(pilot.offer)
        found = memory.find_evidence(pilot.offer.remedy, pilot.cells, by_training=by_training)
        priors[pilot.offer.remedy] = learn_prior(found.found if found else None)
    return priors


def _skip_refuted(session: Session, memory: Memory, draft: Protocol, offer: Offer) -> Pilot | None:
    """Return the entry of a remedy that an earlier run refuted on the same queries, so that it is not tried again."""
    cells = list_judged_cells(session, replace(draft, remedy=offer.remedy)) or ()
    refuted = memory.find_refutation(offer.remedy, cells)
    if refuted is None:
        return None
    why = f"refuted: {refuted.sentence}; --no-memory tries it again"
    return Pilot(offer, cells, None, None, images=0, kept=0, seconds=0.0, failure=why, is_known=True)


@dataclass(frozen=True)
class _Setting:
    """What all pilots of a round share."""

    session: Session
    round_index: int
    draft: Protocol
    model: str
    """The diagnosing model."""
    groups: Sequence[GapGroup]

    @cached_property
    def guard(self) -> LeakGuard:
        """One for all pilots: several remedies use the same photos of a pool, and each is looked at once."""
        return build_guard(self.session)


def _run_pilot(setting: _Setting, offer: Offer) -> Pilot:
    """Try one offer; if it cannot be tried here, the pilot says why."""
    session, protocol = setting.session, replace(setting.draft, remedy=offer.remedy)
    if parse_remedy(offer.remedy)[0].spends_images:  # a tenth of the images: each counts fully
        protocol = replace(protocol, synthetic_weight=max(1.0, protocol.synthetic_weight))
    started = time.monotonic()
    cells = list_judged_cells(session, protocol)
    made: list[Candidate] = []
    kept: list[Candidate] = []
    failure = ""
    found = _Found()
    with session.span("pilot", offer.remedy, {"remedy": offer.remedy}) as span:
        try:
            if offer.makes_images:
                protocol = drop_unshowable(session, protocol)
                _check_spending(session, protocol)
                made, kept = _make_images(setting, protocol)
            arms = _train_pilot(session, setting.round_index, protocol, kept)
            found = _compare(setting, arms, cells, made, kept)
        except (ToolError, SetupError) as error:
            span.status, failure = "failed", str(error)
        seconds = round(time.monotonic() - started, 2)
        figures = (found.overall, found.targeted, len(made), len(kept), seconds)
        pilot = Pilot(offer, cells or (), *figures, failure=failure, groups=found.groups, others=found.others)
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


def _make_images(setting: _Setting, protocol: Protocol) -> tuple[list[Candidate], list[Candidate]]:
    """Generate a share of a protocol's images; return all, and those that pass the filters.

    Photos that exist already, of a pool, cost nothing: of those all are taken.

    Raises:
        NothingGenerated: None passed them.
    """
    small = scale_protocol(protocol, max(1, round(IMAGE_SHARE * protocol.num_images)))
    made = make_candidates(setting.session, setting.round_index, small, setting.model)
    verdicts, _ = screen(setting.session, made, small, setting.model, setting.guard)
    passed = {verdict.candidate_key for verdict in verdicts if verdict.kept}
    kept = [candidate for candidate in made if candidate.key in passed]
    if not kept:
        raise NothingGenerated(f"none of {len(made)} images passed the filters")
    return made, kept


def _train_pilot(
    session: Session, round_index: int, protocol: Protocol, kept: Sequence[Candidate]
) -> tuple[list[str], list[str]]:
    """Return the incumbent's models that a pilot is compared with, and those of the pilot."""
    incumbent = plan_arm(session, "incumbent", round_index)
    judging = read_arms(session, round_index)["incumbent"]
    plan = apply_remedy(session, incumbent, protocol, kept)
    if (plan.synthetic, plan.recipe) == (incumbent.synthetic, incumbent.recipe):
        return judging, [name_model(split_model(model)[0], plan.serving) for model in judging]
    (trial,) = train_arm(session, [session.diagnosing_seed], plan.list_images(session), plan.recipe)
    return judging, [name_model(trial.id, plan.serving)]


@dataclass(frozen=True, slots=True)
class _Found:
    """What a pilot gave, as in `Pilot`."""

    overall: Comparison | None = None
    targeted: Comparison | None = None
    groups: tuple[GroupGain, ...] = ()
    others: Comparison | None = None


def _compare(
    setting: _Setting,
    arms: tuple[Sequence[str], Sequence[str]],
    cells: Sequence[Cell] | None,
    made: Sequence[Candidate],
    kept: Sequence[Candidate],
) -> _Found:
    """Compare the incumbent's models with a pilot's; without cells every query is what the remedy is for."""
    session, spread = setting.session, seed_sd(setting.session, *arms)
    before, after = (load_outcomes(session, models) for models in arms)
    overall = compare_arms(session, before, after, None, spread)
    targeted = overall if cells is None else compare_in_cells(session, before, after, cells, spread)
    groups = measure_groups(session, setting.groups, before, after, spread, made, kept)
    return _Found(overall, targeted, groups, compare_others(session, before, after, cells, spread))


def fit_to_budget(session: Session, round_index: int, protocol: Protocol, model: str) -> Protocol:
    """Return a protocol that the budget's images cover; those that a pilot made already cost nothing again."""
    left, remedy = session.images_left, parse_remedy(protocol.remedy)[0]
    if left is None or not (remedy.makes_images and remedy.spends_images):
        return protocol
    keys = [request.key for request in remedy.build_requests(session, round_index, protocol, model)]
    new = session.workspace.ledger.unbooked_references(session.run_id, "images", keys)
    excess = len(new) - int(left)
    return protocol if excess <= 0 else scale_protocol(protocol, max(1, protocol.num_images - excess))
