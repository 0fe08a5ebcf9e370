"""The unlabelled pool of a run: its usable photos, and the classes that a model and a person give them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.pool.questions import choose_questions
from atlantis_core.run.answers import fix_answers, is_useless, list_classes
from atlantis_core.run.pool_view import PoolView
from atlantis_core.run.round import read_judged_rounds, read_rounds
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from atlantis_core.pool.pool_folder import PoolImage
    from atlantis_core.pool.pseudo_labels import PseudoLabel
    from atlantis_core.records import Answer
    from atlantis_core.run.session import Session

_VERSION = 1
"""Raise it whenever the same photos would get other classes."""


@dataclass(frozen=True, slots=True)
class PoolLabel:
    """The class that a pool photo is used as, and why."""

    image_id: str
    class_name: str
    rate: float
    """Expected share of right ones among such photos; 1 if a person named it. Also its sampling weight."""
    evidence: Mapping[str, Any]
    """JSON-able: the nearest training photos and their votes, the group; who said so and when."""

    @property
    def is_answer(self) -> bool:
        """Whether a person named the class."""
        return "who" in self.evidence


def find_photos(session: Session) -> tuple[PoolImage, ...]:
    """Return the photos of the pool that a round may use: those that no kept round uses already.

    Raises:
        SetupError: The folder is gone, or has no usable image.
    """
    used = {
        one.candidate.source_id
        for judged in read_judged_rounds(session)
        if judged.is_kept
        for one in list_screened(session, judged)
        if one.is_kept
    }
    return tuple(image for image in session.pool.images if image.id not in used)


def label_pool(
    session: Session, model: str, failing: Sequence[str], *, ask: bool, round_index: int = 0
) -> tuple[PoolLabel, ...]:
    """Return the photos of the pool that are likely enough of a class, the surest first; done once per model.

    `ask` says whether the answers of a person count. Of those in a file (`--answers`) at most `spec.questions` do, as
    if a person had been asked: those that are worth most, photos that may show the `failing` classes first. Kept
    answers that a photo shows no class of the collection count always.
    """
    photos, known = find_photos(session), fix_answers(session, round_index)
    answers = known if ask else ()
    rejected = find_rejected(session)
    if session.spec.answers is None:
        classes = list_classes(session)
        rejected |= {answer.image_id for answer in known if not ask and is_useless(answer, classes)}
    asked = [as_json(answers), session.spec.questions, sorted(failing)] if ask else []
    ids = [image.id for image in photos]
    key = content_hash("pool_labels", [_VERSION, model, session.spec.collection_id, ids, sorted(rejected), asked])
    found = session.workspace.results.find(key)
    if found is None:
        started = time.monotonic()
        labels: tuple[PoolLabel, ...] = ()
        if ids:
            view = PoolView(session, model, photos, rejected)
            most = None if session.spec.answers is None else session.spec.questions
            labels = _label(view, answers, failing, most)
        found = as_json(labels)
        session.workspace.results.add(key, "pool_labels", found, time.monotonic() - started)
    return from_json(tuple[PoolLabel, ...], found)


def find_rejected(session: Session) -> set[str]:
    """Return the ids of pool photos that a person rejected in this run."""
    return {
        one.candidate.source_id
        for found in read_rounds(session)
        for one in list_screened(session, found)
        if one.is_manual and not one.is_kept
    }


def _label(
    view: PoolView, answers: Sequence[Answer], failing: Sequence[str], most: int | None
) -> tuple[PoolLabel, ...]:
    said = view.find_rows(answers)
    if most is not None and said:
        said = _choose_asked(view, said, failing, most)
    # A photo of a new class would have no query and no neighbour.
    accepted = [one for one in view.label(said).accepted if one.class_name in view.classes]
    return tuple(_describe(view, one, said) for one in accepted)


def _choose_asked(view: PoolView, said: Mapping[int, Answer], failing: Sequence[str], most: int) -> dict[int, Answer]:
    """Return the answers to the questions that are worth most; all if they are few enough."""
    questions = choose_questions(view.label(), view.train, view.pool, most, failing, list(said))
    rows = dict.fromkeys([*(question.row for question in questions), *said])
    return {row: said[row] for row in list(rows)[:most]}


def _describe(view: PoolView, one: PseudoLabel, said: Mapping[int, Answer]) -> PoolLabel:
    answered = [view.ids[row] for row in said if said[row].names_class]
    near = [*view.train_ids, *answered]
    evidence: dict[str, Any] = {
        "nearest": [near[row] for row in one.nearest],
        "votes": dict(one.votes),
        "group": one.cluster,
        "group_size": one.cluster_size,
    }
    if one.row in said:
        evidence |= {"who": said[one.row].who or "a person", "when": said[one.row].when}
    return PoolLabel(view.ids[one.row], one.class_name, one.rate, evidence)
