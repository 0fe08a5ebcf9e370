"""One round's images: generating and screening them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import InvalidProtocol, NothingGenerated
from atlantis_core.base.ports import name_generator
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.filtering.captions import CaptionCheck, CaptionCheckResult
from atlantis_core.filtering.leak_guard import LeakGuard, ValidationFingerprints
from atlantis_core.filtering.screening import RealImages, screen_candidates
from atlantis_core.generation.candidate_images import generate_candidates
from atlantis_core.generation.requests import build_pool_requests, build_requests
from atlantis_core.records import Candidate, Protocol, Verdict
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_trials
from atlantis_core.run.protocol_rules import check_protocol
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.run.trial_checkpoints import load_trial_retriever

if TYPE_CHECKING:
    from atlantis_core.generation.pool_matching import PoolMatch
    from atlantis_core.generation.retrieve import PoolImage
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import GenerationRequest
    from atlantis_core.run.session import Session


def generate_round(session: Session, round_index: int, protocol: Protocol, trial_id: str) -> list[Candidate]:
    """Generate a protocol's images, each once, or choose them from a pool in a trial's embedding space; book them.

    Raises:
        InvalidProtocol: The protocol breaks a rule of the collection, or names a mode that the generator lacks.
        BudgetExceeded: The images that are not booked yet are more than the budget has left.
    """
    check_protocol(protocol, session.collection, session.spec.regime, None)
    arms = session.generator.modes
    if protocol.arm not in arms:
        raise InvalidProtocol(
            f"{session.generator.name} does not support mode {protocol.arm!r}; supported: {', '.join(arms)}"
        )
    requests = _requests(session, round_index, protocol, trial_id)
    ledger, candidates = session.workspace.ledger, session.workspace.candidates
    new = ledger.unbooked_references(session.run_id, "images", [request.key for request in requests])
    ledger.require(session.run_id, session.spec.budget, "images", len(new))

    def record(candidate: Candidate) -> None:
        candidates.add(candidate)
        ledger.spend(session.run_id, "images", 1, candidate.key)

    started = time.monotonic()
    known = candidates.find(request.key for request in requests)
    for candidate in known.values():
        record(candidate)  # made in another run of this workspace: used here, so it counts here
    generate_candidates(
        requests, session.generator, session.workspace.objects, known, record, protocol, session.progress
    )
    _book_seconds(session, f"generation/{round_index}", started)
    keys = tuple(request.key for request in requests)
    session.write(round_index, JournalKind.CANDIDATES, keys)
    return list(candidates.find(keys).values())


def _requests(session: Session, round_index: int, protocol: Protocol, trial_id: str) -> tuple[GenerationRequest, ...]:
    generator = session.generator
    if protocol.arm == "retrieve":
        name = f"{generator.name}/{generator.version}"
        return build_pool_requests(
            protocol, *_match_pool(session, protocol, trial_id), name, session.synthetic_side_px
        )
    seed = session.spec.seed * 1000 + round_index  # the same cell asked for again gives other images
    train, version = session.collection.of_split("train"), partial(name_generator, generator)
    return build_requests(protocol, train, version, seed, session.synthetic_side_px)


def _match_pool(session: Session, protocol: Protocol, trial_id: str) -> tuple[list[PoolImage], list[PoolMatch]]:
    """Return the pool less the training photos in it and those of earlier rounds, and what was chosen of it."""
    from atlantis_core.generation.pool_matching import match_pool

    train = session.collection.of_split("train")
    earlier = [key for judged in read_judged_rounds(session) for key in judged.candidate_keys]
    used = {image.id for image in train}
    used |= {candidate.source_id for candidate in session.workspace.candidates.find(earlier).values()}
    pool = [image for image in _pool(session, protocol) if image.id not in used]
    if not pool:
        raise NothingGenerated("the pool holds no image that is not used already")
    retriever = _retriever(session, trial_id)
    embed = partial(retriever.embed_cached, cache=session.cache, progress=session.progress)
    chosen = match_pool(protocol.cells, embed(pool), train, embed(train))
    if not chosen:
        raise NothingGenerated("no image of the pool looks like any cell of the protocol")
    return pool, chosen


def _pool(session: Session, protocol: Protocol) -> tuple[PoolImage, ...]:
    """Return the pool that a protocol takes its images from; empty where it makes them."""
    generator: Any = session.generator  # only `retrieve` has that arm, and a pool
    return generator.pool if protocol.arm == "retrieve" else ()


def _retriever(session: Session, trial_id: str) -> Retriever:
    (trial,) = find_trials(session, [trial_id])
    return load_trial_retriever(trial)


def screen_round(
    session: Session, round_index: int, protocol: Protocol, trial_id: str
) -> tuple[list[Verdict], CaptionCheckResult | None]:
    """Screen a round's candidates in the diagnosing model's space and store the verdicts (the paper's ORDC).

    Returns:
        The verdicts, and what the caption check found; None where the captioner recognises nothing.
    """
    started = time.monotonic()
    captions = _caption_check(session)
    keys = session.read(round_index, JournalKind.CANDIDATES) or ()
    candidates = list(session.workspace.candidates.find(keys).values())
    verdicts = _screen(session, candidates, protocol, trial_id, captions)
    check = CaptionCheckResult(tuple(captions.agreements.values()), captions.unpaid) if captions else None
    if check is not None:
        session.write(round_index, JournalKind.CAPTION_CHECK, check)
    session.workspace.candidates.judge(session.run_id, round_index, verdicts)
    _book_seconds(session, f"screening/{round_index}", started)
    return verdicts, check


def _caption_check(session: Session) -> CaptionCheck | None:
    """Return the check that a captioner makes possible which recognises what is shown."""
    if not session.captioner.recognises:
        return None
    train = session.collection.of_split("train")
    return CaptionCheck(session.captioner, facet_value_lists(session.collection), train)


def _screen(
    session: Session,
    candidates: Sequence[Candidate],
    protocol: Protocol,
    trial_id: str,
    captions: CaptionCheck | None,
) -> list[Verdict]:
    retriever = _retriever(session, trial_id)
    train, validation = session.collection.of_split("train"), session.collection.of_split("validation")
    by_path = {candidate.path: candidate for candidate in candidates}
    prints = session.loaded.fingerprints
    return screen_candidates(
        candidates,
        lambda paths: retriever.embed_cached([by_path[path] for path in paths], session.cache),
        RealImages(
            ids=[image.id for image in train],
            class_names=[image.label for image in train],
            embeddings=retriever.embed_cached(train, session.cache),
        ),
        session.scorer(protocol.scorer),
        LeakGuard(ValidationFingerprints([prints[image.id] for image in validation]), session.loaded.sealed),
        {image.id: image.path for image in train} | {image.id: image.path for image in _pool(session, protocol)},
        captions=captions,
    )


def _book_seconds(session: Session, reference: str, started: float) -> None:
    seconds = round(time.monotonic() - started, 2)
    session.workspace.ledger.spend(session.run_id, "seconds", seconds, reference)
