"""One round's images: generating and screening them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.errors import InvalidProtocol
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.filtering.captions import CaptionCheck, CaptionCheckResult
from atlantis_core.filtering.leak_guard import LeakGuard, ValidationFingerprints
from atlantis_core.filtering.screening import CUT_OUT, MEDIUM, RealImages, screen_candidates
from atlantis_core.generation.candidate_images import generate_candidates
from atlantis_core.generation.cut_paste.generator import CutPasteGenerator
from atlantis_core.generation.cut_paste.sources import FEW_PHOTOS
from atlantis_core.generation.medium_words import MEDIA
from atlantis_core.records import Candidate, Protocol, Verdict
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import load_model
from atlantis_core.run.protocol_rules import check_protocol
from atlantis_core.run.remedies import parse_remedy
from atlantis_core.run.sheets.drawing import MOST_TILES
from atlantis_core.run.sheets.spreading import spread_evenly

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

PILOT_IMAGES = MOST_TILES
"""Images of a round that are looked at before the others are made."""


def generate_round(session: Session, round_index: int, protocol: Protocol, model: str) -> list[Candidate]:
    """Generate a protocol's images and store which they are; see `make_candidates`."""
    made = make_candidates(session, round_index, protocol, model)
    session.write(round_index, JournalKind.CANDIDATES, tuple(candidate.key for candidate in made))
    return made


def make_candidates(
    session: Session, round_index: int, protocol: Protocol, model: str, most: int | None = None
) -> list[Candidate]:
    """Generate a protocol's images, each once, or choose them from a pool in a model's embedding space; book them.

    With `most`, only so many of them, spread over the cells: the images that they will be if the rest is made later.

    Raises:
        InvalidProtocol: The protocol breaks a rule of the collection, or names a mode that the generator lacks.
        BudgetExceeded: The images that are not booked yet are more than the budget has left.
        NothingGenerated: No image of a pool fits.
    """
    check_protocol(protocol, session.collection, session.spec.regime, None)
    remedy, options = parse_remedy(protocol.remedy)
    generator = remedy.build_generator(session, options)
    if protocol.arm not in generator.modes:
        raise InvalidProtocol(
            f"{generator.name} does not support mode {protocol.arm!r}; supported: {', '.join(generator.modes)}"
        )
    requests = remedy.build_requests(session, round_index, protocol, model)
    ledger, candidates = session.workspace.ledger, session.workspace.candidates
    if remedy.spends_images:
        new = ledger.unbooked_references(session.run_id, "images", [request.key for request in requests])
        ledger.require(session.run_id, session.spec.budget, "images", len(new))
    if most is not None:
        requests = tuple(spread_evenly(requests, lambda request: request.cell, most))

    def record(candidate: Candidate) -> None:
        candidates.add(candidate)
        if remedy.spends_images:
            ledger.spend(session.run_id, "images", 1, candidate.key)

    started = time.monotonic()
    known = candidates.find(request.key for request in requests)
    for candidate in known.values():
        record(candidate)  # made in another run of this workspace: used here, so it counts here
    generate_candidates(requests, generator, session.workspace.objects, known, record, protocol, session.progress)
    _book_seconds(session, f"generation/{round_index}/{protocol.id}{f'/{most}' if most else ''}", started)
    found = candidates.find(request.key for request in requests)
    return [found[request.key] for request in requests]


def screen_round(
    session: Session, round_index: int, protocol: Protocol, model: str
) -> tuple[list[Verdict], CaptionCheckResult | None]:
    """Screen a round's candidates in the diagnosing model's space and store the verdicts (the paper's ORDC).

    Returns:
        The verdicts, and what the caption check found; None where the captioner recognises nothing.
    """
    started = time.monotonic()
    keys = session.read(round_index, JournalKind.CANDIDATES) or ()
    candidates = list(session.workspace.candidates.find(keys).values())
    guard = build_guard(session)
    verdicts, check = screen(session, candidates, protocol, model, guard)
    session.write(round_index, JournalKind.CROPS_SEARCHED, guard.finds_copies)
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


def build_guard(session: Session) -> LeakGuard:
    """Return the guard of a run's validation images and its sealed test split."""
    prints = session.loaded.fingerprints
    train, validation = session.collection.of_split("train"), session.collection.of_split("validation")
    return LeakGuard(
        ValidationFingerprints([prints[image.id] for image in validation], [image.path for image in validation]),
        session.loaded.sealed,
        training=[prints[image.id] for image in train if image.id in prints],
    )


def screen(
    session: Session, candidates: Sequence[Candidate], protocol: Protocol, model: str, guard: LeakGuard
) -> tuple[list[Verdict], CaptionCheckResult | None]:
    """Screen candidates of a protocol in a model's embedding space; nothing is stored.

    Returns:
        The verdicts, and what the caption check found; None where the captioner recognises nothing.
    """
    captions, retriever = _caption_check(session), load_model(session, model)
    train = session.collection.of_split("train")
    by_path = {candidate.path: candidate for candidate in candidates}
    remedy, _ = parse_remedy(protocol.remedy)
    verdicts = screen_candidates(
        candidates,
        lambda paths: retriever.embed_cached([by_path[path] for path in paths], session.cache),
        RealImages(
            ids=[image.id for image in train],
            class_names=[image.label for image in train],
            embeddings=retriever.embed_cached(train, session.cache),
        ),
        session.scorer(protocol.scorer),
        guard,
        {image.id: image.path for image in train} | remedy.source_paths(session, protocol),
        captions=captions,
        unscored=_list_unscored(session, candidates),
    )
    return verdicts, CaptionCheckResult(tuple(captions.agreements.values()), captions.unpaid) if captions else None


def _list_unscored(session: Session, candidates: Sequence[Candidate]) -> dict[str, str]:
    """Return the candidates that no real image can be compared with, by key, and the filter that keeps them.

    These are pasted objects of classes with too few real images, and photos turned into a medium, such as drawings,
    that no training image of their class shows: to a model that never saw one, all are outliers (on sketchy125
    `margin` rejected 9 of 10 drawings, also where other classes have sketches to train on).
    """
    train = session.collection.of_split("train")
    counts = Counter(image.label for image in train)
    shown = {(image.label, *pair) for image in train for pair in image.facets.items()}
    found = {}
    for one in candidates:
        cell, edits = one.cell, {step["edit"] for step in one.settings.get("edits", ())}
        if one.generator.startswith(f"{CutPasteGenerator.name}/") and counts[cell.class_name] < FEW_PHOTOS:
            found[one.key] = CUT_OUT
        elif edits.intersection(MEDIA) and cell.facet and (cell.class_name, cell.facet, cell.value) not in shown:
            found[one.key] = MEDIUM
    return found


def _book_seconds(session: Session, reference: str, started: float) -> None:
    seconds = round(time.monotonic() - started, 2)
    session.workspace.ledger.spend(session.run_id, "seconds", seconds, reference)
