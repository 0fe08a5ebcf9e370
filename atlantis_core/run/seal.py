"""The sealed test split of a run or trial: checked before it is opened, and opened on the record.

Stored figures are those of the split as it was then. They count no more when the collection was read again with other
test images or labels, or when they are of no query: the split may then be opened again, which is recorded with why.
"""

from __future__ import annotations

import time
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.data.tasks import Restriction, RetrievalTask, check_test_images, test_task
from atlantis_core.records import LabelledImage
from atlantis_core.records.round import EarlierOpening, SealOpening
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.session import Session


def read_test(session: Session) -> dict[str, Any] | None:
    """Return the stored figures of the test split; None if there are none that count for it as it is now."""
    stored = session.read(0, JournalKind.TEST)
    return None if stored is None or _explain_void(session) else dict(stored)


def check_seal(session: Session) -> None:
    """Refuse a test split on which a test would be wasted; nothing is opened.

    Raises:
        SetupError: It is empty, files are gone, or see `check_test_images`.
    """
    spec, sealed = session.spec, session.loaded.sealed
    if not len(sealed):
        raise SetupError(f"collection {session.collection.name!r} has no test images; nothing was opened")
    query, gallery = _facet_only(spec.query), _facet_only(spec.gallery)
    try:
        sealed.check(lambda images: check_test_images(session.collection, images, spec.regime, query, gallery))
    except SetupError as error:
        again = "start a new run" if session.is_run else "call `atlantis train` again, which finds this training"
        raise SetupError(
            f"the test split of {session.run_id!r} is not opened: {error}. Correct {session.collection.root!r}, "
            f"{again}, and test that"
        ) from error
    sealed.require_files()


def open_seal(session: Session) -> tuple[LabelledImage, ...]:
    """Return the test images; the opening is written down first, each one if an earlier one does not count.

    Raises:
        SetupError: See `check_seal`; nothing was opened.
    """
    check_seal(session)
    before = session.read(0, JournalKind.SEAL_OPENING)
    times, earlier = (before.times, before.earlier) if before else ((), ())
    if before and times:
        earlier = (*earlier, EarlierOpening(times[-1], before.split, _explain_void(session)))

    def record(purpose: str) -> None:
        opening = SealOpening(purpose, (*times, time.time()), session.loaded.sealed.address, earlier)
        session.write(0, JournalKind.SEAL_OPENING, opening)

    return session.loaded.sealed.open(f"`atlantis test {session.run_id}`: the final figures", record)


def build_test_task(session: Session, images: tuple[LabelledImage, ...]) -> RetrievalTask:
    """Return the task on the opened test images, restricted as the session's own is."""
    spec = session.spec
    return test_task(session.collection, images, spec.regime, _facet_only(spec.query), _facet_only(spec.gallery))


def _facet_only(restriction: Restriction | None) -> Restriction | None:
    """Drop a restriction to a split: the test split takes the place of the one that was named."""
    return None if restriction and restriction[0] == "split" else restriction


def read_opening_times(session: Session) -> tuple[float, ...]:
    """Return when the test split was opened under this session's id, in seconds since 1970."""
    opening = session.read(0, JournalKind.SEAL_OPENING)
    return opening.times if opening else ()


def list_earlier_openings(session: Session) -> tuple[EarlierOpening, ...]:
    """Return the openings under this session's id whose figures do not count, oldest first."""
    opening = session.read(0, JournalKind.SEAL_OPENING)
    return opening.earlier if opening else ()


def count_seen_images(session: Session) -> dict[str, int]:
    """Return other run or trial -> how many images of this test split it has opened: what it saw may have led here.

    They opened this very split, or another one with the same images: with other labels, or before images were added.
    """
    entries = session.workspace.journal.everywhere(JournalKind.SEAL_OPENING.name)
    opened = {
        run_id: {
            entry.get("split") or _find_address(session, run_id),
            *(one["split"] for one in entry.get("earlier", ())),
        }
        for run_id, entry in sorted(entries.items())
        if run_id != session.run_id
    }
    if not opened:
        return {}
    own = session.loaded.sealed
    others = session.workspace.collections.find_sealed(set().union(*opened.values()))
    shared = {address: own.count_shared(split) for address, split in others.items()} | {own.address: len(own)}
    seen = {run_id: max(shared.get(address, 0) for address in splits) for run_id, splits in opened.items()}
    return {run_id: count for run_id, count in seen.items() if count}


def _find_address(session: Session, run_id: str) -> str:
    """Return the split that a run or trial opened in the first versions, which did not record it; else empty."""
    run = session.workspace.runs.find(run_id)
    trial = None if run else session.workspace.trials.find(run_id)
    spec = run.spec if run else trial.origin.spec if trial and trial.origin else None
    try:
        return session.workspace.collections.get(spec.collection_id).sealed.address if spec else ""
    except SetupError:  # the entry is of a collection that this workspace does not have
        return ""


def _explain_void(session: Session) -> str:
    """Say why the last opening's figures do not count for the split as it is now; empty if they do."""
    stored, opening = session.read(0, JournalKind.TEST), session.read(0, JournalKind.SEAL_OPENING)
    if stored is None:
        return "cut short before its figures were stored"
    own, reasons = session.loaded.sealed, []
    if opening and opening.split not in {"", own.address}:
        reasons.append(_describe_change(session, opening.split))
    figures = stored.get("trained") or stored.get("final") or {}
    if figures.get("queries") == 0:
        reasons.append("with 0 queries")
    return ", ".join(reasons)


def _describe_change(session: Session, address: str) -> str:
    own = session.loaded.sealed
    before: SealedSplit | None = session.workspace.collections.find_sealed({address}).get(address)
    if before is None:
        return "over other images or labels"
    is_same = own.count_shared(before) == len(own) == len(before)
    return "over other labels" if is_same else "over other images"
