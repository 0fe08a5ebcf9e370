"""One round's work on images: what a drafter may know, making, screening, and what later trainings use."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.checkpoints import retriever_of
from atlantis_core.errors import BadProtocol, BudgetSpent, NothingGenerated, ToolError
from atlantis_core.filtering.captions import CaptionCheck
from atlantis_core.filtering.leak_guard import LeakGuard, ValidationPrints
from atlantis_core.filtering.screening import RealImages, screen
from atlantis_core.generation.making import make_candidates
from atlantis_core.generation.requests import requests_for, requests_from_pool
from atlantis_core.insight import Insight
from atlantis_core.plain import from_json
from atlantis_core.protocols import check_protocol, known_values
from atlantis_core.records import Candidate, Cell, Gap, Protocol, Verdict
from atlantis_core.trials import trials
from atlantis_core.wishes import wishes_of

if TYPE_CHECKING:
    from atlantis_core.generation.nearest import Found
    from atlantis_core.generation.retrieve import PoolImage
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import GenerationRequest
    from atlantis_core.session import Session


@dataclass(frozen=True, slots=True)
class MadePicture:
    """A made image as the activation cache knows pictures."""

    id: str
    path: str


Arm = Literal["baseline", "candidate", "incumbent"]

TRAINED_ON = "trained_on"
"""Journal entry of a round: keys of the made images, those of kept rounds too, that its candidate was trained on."""


@dataclass(frozen=True, slots=True)
class MadeImage:
    """A kept image as later trainings use it."""

    candidate: Candidate
    weight: float
    """Sampling weight against a real image, from the protocol that made it."""


def brief_facts(session: Session, round_index: int, max_images: int) -> dict[str, Any]:
    """Return what a drafter may know, as the fields of `tools.context.Brief`.

    Raises:
        BudgetSpent: Not one image is left to make.
    """
    gaps = session.read(round_index, "gaps")
    if gaps is None:
        raise ToolError("gaps are not known in this round; find them first")
    share = share_of_round(session, round_index)
    num_images = min(share, max_images) if max_images > 0 else share
    if num_images < 1:
        raise BudgetSpent(f"no image left to make in round {round_index}")
    wishes, insight = wishes_of(session), session.read(round_index, "insight")
    whole = [cell for cell in wishes.skip if not (cell.class_name and cell.facet)]
    return {
        "gaps": tuple(gap for gap in from_json(tuple[Gap, ...], gaps) if wishes.allow(gap.cell)),
        "history": tuple(history(session)),
        "num_images": num_images,
        "classes": _less(session, {cell.class_name for cell in whole if not cell.facet}),
        "facet_values": {
            facet: tuple(value for value in values if Cell("", facet, value) not in whole)
            for facet, values in known_values(session.collection).items()
        },
        "goal": session.goal.text,
        "wishes": wishes,
        "insight": from_json(Insight, insight) if insight else None,
        "spread": session.spec.spread,
        "arms": session.generator.arms,
        "scorer": session.spec.scorer,
    }


def share_of_round(session: Session, round_index: int) -> int:
    """Return how many images a round may make: its even share of those left, or `DEFAULT_IMAGES` without a limit."""
    left = session.workspace.ledger.left(session.run_id, session.spec.budget)["images"]
    rounds_left = max(1, session.spec.budget.rounds - round_index + 1)
    return DEFAULT_IMAGES if left is None else min(int(left), max(1, int(left // rounds_left)))


def _less(session: Session, skipped: set[str]) -> tuple[str, ...]:
    """Return the training classes less those to be left alone."""
    return tuple(sorted({image.label for image in session.collection.of_split("train")} - skipped))


DEFAULT_IMAGES = 200
"""Images a round makes where the budget names no number."""


def history(session: Session) -> list[dict[str, Any]]:
    """Return the finished rounds as data: round, protocol, decision."""
    rounds = session.workspace.journal.rounds(session.run_id)
    return [
        {"round": index, "protocol": entries["protocol"], "decision": entries["decision"]}
        for index, entries in rounds.items()
        if index > 0 and "decision" in entries
    ]


def make_round(session: Session, round_index: int, protocol: Protocol, trial_id: str) -> list[Candidate]:
    """Make a protocol's images, or fetch them from a pool, each once, and book them.

    Args:
        session: The run.
        round_index: Which round.
        protocol: What to make.
        trial_id: The model whose eyes choose among the pool's images.

    Raises:
        BadProtocol: The protocol breaks a rule of the collection, or asks for an arm the generator does not have.
        BudgetSpent: The images that are not booked yet are more than the budget has left.
    """
    check_protocol(protocol, session.collection, session.spec.regime, None)
    arms = session.generator.arms
    if protocol.arm not in arms:
        raise BadProtocol(f"{session.generator.name} cannot do arm {protocol.arm!r}; it can do {', '.join(arms)}")
    requests = _requests(session, round_index, protocol, trial_id)
    ledger, candidates = session.workspace.ledger, session.workspace.candidates
    new = ledger.unbooked(session.run_id, "images", [request.key for request in requests])
    ledger.require(session.run_id, session.spec.budget, "images", len(new))

    def record(candidate: Candidate) -> None:
        candidates.add(candidate)
        ledger.spend(session.run_id, "images", 1, candidate.key)

    started = time.monotonic()
    known = candidates.find(request.key for request in requests)
    for candidate in known.values():
        record(candidate)  # made in another run of this workspace: used here, so it counts here
    make_candidates(requests, session.generator, session.workspace.objects, known, record, protocol, session.progress)
    _book_seconds(session, f"generation/{round_index}", started)
    session.write(round_index, "candidates", [request.key for request in requests])
    return candidates_of(session, round_index)


def _requests(session: Session, round_index: int, protocol: Protocol, trial_id: str) -> tuple[GenerationRequest, ...]:
    generator = f"{session.generator.name}/{session.generator.version}"
    if protocol.arm == "retrieve":
        return requests_from_pool(protocol, *_chosen(session, protocol, trial_id), generator, session.made_side_px)
    seed = session.spec.seed * 1000 + round_index  # the same cell asked for again gives other images
    return requests_for(protocol, session.collection.of_split("train"), generator, seed, session.made_side_px)


def _chosen(session: Session, protocol: Protocol, trial_id: str) -> tuple[list[PoolImage], list[Found]]:
    """Return the pool less the training photos in it and those of earlier rounds, and what was chosen of it."""
    from atlantis_core.generation.nearest import nearest

    train = session.collection.of_split("train")
    used = {image.id for image in train} | {
        candidate.source_id for entry in history(session) for candidate in candidates_of(session, entry["round"])
    }
    pool = [image for image in _pool(session, protocol) if image.id not in used]
    if not pool:
        raise NothingGenerated("the pool holds no image that is not used already")
    retriever = _retriever(session, trial_id)
    embed = partial(retriever.embed_cached, cache=session.cache, progress=session.progress)
    chosen = nearest(protocol.cells, embed(pool), train, embed(train))
    if not chosen:
        raise NothingGenerated("no image of the pool looks like any cell of the protocol")
    return pool, chosen


def _pool(session: Session, protocol: Protocol) -> tuple[PoolImage, ...]:
    """Return the pool that a protocol takes its images from; empty where it makes them."""
    generator: Any = session.generator  # only `retrieve` has that arm, and a pool
    return generator.pool if protocol.arm == "retrieve" else ()


def _retriever(session: Session, trial_id: str) -> Retriever:
    (trial,) = trials(session, [trial_id])
    return retriever_of(trial)


def screen_round(session: Session, round_index: int, protocol: Protocol, trial_id: str) -> list[Verdict]:
    """Screen a round's candidates with the diagnosing model's eyes and keep the verdicts (the paper's ORDC)."""
    started = time.monotonic()
    captions = _caption_check(session)
    verdicts = _screened(session, candidates_of(session, round_index), protocol, trial_id, captions)
    if captions is not None:
        heard = {"agreements": list(captions.agreements.values()), "unpaid": captions.unpaid}
        session.write(round_index, "caption_check", heard)
    session.workspace.candidates.judge(session.run_id, round_index, verdicts)
    _book_seconds(session, f"screening/{round_index}", started)
    return verdicts


def _caption_check(session: Session) -> CaptionCheck | None:
    """Return the check that a captioner makes possible which recognises what is shown."""
    if not session.captioner.recognises:
        return None
    train = session.collection.of_split("train")
    return CaptionCheck(session.captioner, known_values(session.collection), train)


def _screened(
    session: Session,
    candidates: Sequence[Candidate],
    protocol: Protocol,
    trial_id: str,
    captions: CaptionCheck | None,
) -> list[Verdict]:
    retriever = _retriever(session, trial_id)
    train, validation = session.collection.of_split("train"), session.collection.of_split("validation")
    by_path = {candidate.path: MadePicture(candidate.key, candidate.path) for candidate in candidates}
    prints = session.loaded.fingerprints
    return screen(
        candidates,
        lambda paths: retriever.embed_cached([by_path[path] for path in paths], session.cache),
        RealImages(
            ids=[image.id for image in train],
            class_names=[image.label for image in train],
            embeddings=retriever.embed_cached(train, session.cache),
        ),
        session.scorer(protocol.scorer),
        LeakGuard(ValidationPrints([prints[image.id] for image in validation]), session.loaded.sealed),
        {image.id: image.path for image in train} | {image.id: image.path for image in _pool(session, protocol)},
        captions=captions,
    )


def candidates_of(session: Session, round_index: int) -> list[Candidate]:
    """Return the candidates of a round, in the order in which they were asked for."""
    keys = session.read(round_index, "candidates") or []
    return list(session.workspace.candidates.find(keys).values())


def kept_candidates(session: Session, round_index: int) -> list[Candidate]:
    """Return the candidates of a round that survived its filters, by key."""
    asked = set(session.read(round_index, "candidates") or [])  # a second draft replaces the first one's images
    verdicts = session.workspace.candidates.verdicts(session.run_id, round_index)
    keys = [verdict.candidate_key for verdict in verdicts if verdict.kept and verdict.candidate_key in asked]
    return list(session.workspace.candidates.find(keys).values())


def made_for_arm(session: Session, arm: Arm, round_index: int) -> list[MadeImage]:
    """Return the made images an arm trains on: of kept rounds, and for `candidate` of this round too."""
    if arm == "baseline":
        return []
    rounds = [entry["round"] for entry in history(session) if entry["decision"]["kept"]]
    if arm == "candidate" and round_index not in rounds:
        rounds.append(round_index)
    return [made for index in rounds for made in _made_in(session, index)]


def _made_in(session: Session, round_index: int) -> list[MadeImage]:
    protocol = from_json(Protocol, session.read(round_index, "protocol"))
    return [MadeImage(found, protocol.synthetic_weight) for found in kept_candidates(session, round_index)]


def _book_seconds(session: Session, reference: str, started: float) -> None:
    seconds = round(time.monotonic() - started, 2)
    session.workspace.ledger.spend(session.run_id, "seconds", seconds, reference)
