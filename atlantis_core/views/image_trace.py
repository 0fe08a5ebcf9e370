"""Where a synthetic image came from, what was decided about it, and what its groups did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.records import LabelledImage
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.models import split_model
from atlantis_core.run.round import read_arms, read_final_arms, read_rounds
from atlantis_core.run.verdicts import list_screened
from atlantis_core.views.neighbours import Neighbour, Neighbours

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Decision, Protocol, Verdict
    from atlantis_core.records.round import GroupEffect
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session
    from atlantis_core.run.verdicts import ScreenedCandidate

NEAREST = 5
"""Real training images that are shown."""

_SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class ImageUse:
    """What one round did with an image."""

    round: int
    protocol: Protocol | None
    status: str
    """`kept`, `rejected` or `undecided`, as it counts now."""
    verdict: Verdict | None
    """As it counts now."""
    filter_verdict: Verdict | None
    """What the filters decided; a person may have decided otherwise."""
    by_hand: bool
    """Whether a person decided."""
    trained_on: bool
    """Whether the round's candidate arm was trained on it."""
    decision: Decision | None
    """Whether the round was kept, and why."""
    effects: tuple[GroupEffect, ...]
    """What the groups did that the image is in (`atlantis effect`); empty if this was not measured."""


@dataclass(frozen=True, slots=True)
class ImageTrace:
    """All that is known about a synthetic image of a run."""

    image: Candidate
    source: LabelledImage | None
    """The training image that was edited; None if there is none."""
    uses: tuple[ImageUse, ...]
    """By round."""
    nearest: tuple[Neighbour, ...]
    """Real training images, nearest first; empty before a model was trained."""


def trace_image(session: Session, prefix: str) -> ImageTrace:
    """Trace a synthetic image of a run by its key, or the beginning of its key.

    Raises:
        SetupError: The run has no such image, or several; or the model that finds the nearest images is gone.
    """
    rounds = read_rounds(session)
    screened = {found.index: list_screened(session, found) for found in rounds}
    image = _find(session, [one.candidate for every in screened.values() for one in every], prefix)
    uses = [
        _describe_use(session, found, one)
        for found in rounds
        for one in screened[found.index]
        if one.candidate.key == image.key
    ]
    train = session.collection.of_split("train")
    source = next((one for one in train if one.id == image.source_id), None)
    return ImageTrace(image, source, tuple(uses), _find_nearest(session, image, train, uses[-1].round))


def _find(session: Session, candidates: list[Candidate], prefix: str) -> Candidate:
    if len(prefix) < _SHORTEST_PREFIX:
        raise SetupError(f"image {prefix!r}: give at least the first {_SHORTEST_PREFIX} characters of its key")
    found = {one.key: one for one in candidates if one.key.startswith(prefix)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise SetupError(
            f"{len(found)} images of run {session.run_id!r} have a key that begins with {prefix!r}; give more of it"
        )
    raise SetupError(
        f"run {session.run_id!r} made no image {prefix[:80]!r}; it made {len({one.key for one in candidates}):,}, "
        "with keys that `atlantis trace RUN --json` and the gallery of `atlantis serve` show"
    )


def _describe_use(session: Session, found: Round, one: ScreenedCandidate) -> ImageUse:
    key = one.candidate.key
    effects = session.read(found.index, JournalKind.EFFECTS) or ()
    return ImageUse(
        found.index,
        found.protocol,
        one.status,
        one.verdict,
        one.filter_verdict,
        one.is_manual,
        key in (found.trained_on or ()),
        found.decision,
        tuple(effect for effect in effects if key in effect.keys),
    )


def _find_nearest(
    session: Session, image: Candidate, train: tuple[LabelledImage, ...], last_round: int
) -> tuple[Neighbour, ...]:
    """Return the nearest training images in the space that candidates are screened in."""
    arms = read_arms(session, last_round)
    diagnosing = arms.get("diagnosing") or read_final_arms(session).get("diagnosing")
    if not diagnosing:
        return ()
    (found,) = Neighbours(session, split_model(diagnosing[0])[0], train).nearest([image], NEAREST)
    return tuple(found)
