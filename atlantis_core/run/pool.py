"""The unlabelled pool of a run: its usable photos, and the classes that a model and a person give them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.learning.retriever import frozen_retriever
from atlantis_core.learning.serving.interface import to_unit
from atlantis_core.pool.answer_file import read_answers
from atlantis_core.pool.answers import spread_answers
from atlantis_core.pool.held_out import Labelled, Unlabelled, hold_out_groups, join_views
from atlantis_core.pool.pool_folder import PoolFolder, PoolImage
from atlantis_core.pool.pseudo_labels import pseudo_label
from atlantis_core.pool.questions import choose_questions
from atlantis_core.run.measurements import load_model
from atlantis_core.run.round import read_judged_rounds, read_rounds
from atlantis_core.run.verdicts import list_screened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.inputs.activation_cache import IdentifiedImage
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.pool.pseudo_labels import PseudoLabel, PseudoLabels
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


def find_answers(session: Session) -> tuple[Answer, ...]:
    """Return a person's answers about the photos of the pool; none if the run has none.

    Raises:
        SetupError: The file is gone, or has changed for the worse.
    """
    if session.spec.pool is None or session.spec.answers is None:
        return ()
    return read_answers(session.spec.answers, PoolFolder(session.spec.pool))


def label_pool(session: Session, model: str, failing: Sequence[str], *, ask: bool) -> tuple[PoolLabel, ...]:
    """Return the photos of the pool that are likely enough of a class, the surest first; done once per model.

    `ask` says whether a person is asked about the photos whose answers are worth most, `spec.questions` at most;
    photos that may show the `failing` classes come first.
    """
    photos, answers = find_photos(session), find_answers(session) if ask else ()
    rejected = _find_rejected(session)
    asked = [as_json(answers), session.spec.questions, sorted(failing)] if ask else []
    ids = [image.id for image in photos]
    key = content_hash("pool_labels", [_VERSION, model, session.spec.collection_id, ids, sorted(rejected), asked])
    found = session.workspace.results.find(key)
    if found is None:
        started = time.monotonic()
        labels = _Labelling(session, model, photos, rejected).label(answers, failing) if ids else ()
        found = as_json(labels)
        session.workspace.results.add(key, "pool_labels", found, time.monotonic() - started)
    return from_json(tuple[PoolLabel, ...], found)


def _find_rejected(session: Session) -> set[str]:
    """Return the ids of pool photos that a person rejected in this run."""
    return {
        one.candidate.source_id
        for found in read_rounds(session)
        for one in list_screened(session, found)
        if one.is_manual and not one.is_kept
    }


class _Labelling:
    """One labelling of a pool, with everything embedded by one model and by the frozen backbone."""

    def __init__(self, session: Session, model: str, images: Sequence[PoolImage], rejected: set[str]) -> None:
        train = session.collection.of_split("train")
        self._ids, self._train_ids = [image.id for image in images], [image.id for image in train]
        self._rejected = [row for row, name in enumerate(self._ids) if name in rejected]
        self._most = session.spec.questions
        teacher = load_model(session, model)
        self._train = Labelled(_embed(session, teacher, train), np.array([image.label for image in train]))
        photos, frozen = _embed(session, teacher, images), None
        if session.from_scratch:  # random features see nothing
            self._pool = Unlabelled(photos)
        else:
            recipe = session.recipe
            backbone = frozen_retriever(session.backbone, recipe.trainable_fraction, recipe.side_px)
            frozen = _embed(session, backbone, train)
            self._pool = Unlabelled(photos, join_views(photos, _embed(session, backbone, images)))
        self._held_out = hold_out_groups(self._train, self._train.embeddings if frozen is None else frozen)

    def label(self, answers: Sequence[Answer], failing: Sequence[str]) -> tuple[PoolLabel, ...]:
        """Label the pool; of a person's answers those count that are asked for."""
        found = pseudo_label(self._train, self._pool, self._held_out, rejected=self._rejected)
        said = self._ask(found, answers, failing)
        if said:
            named = {row: answer.label for row, answer in said.items()}
            found = spread_answers(named, self._train, self._pool, self._held_out, rejected=self._rejected)
        known = set(self._train.labels.tolist())  # a photo of a new class would have no query and no neighbour
        return tuple(self._describe(one, said) for one in found.accepted if one.class_name in known)

    def _ask(self, found: PseudoLabels, answers: Sequence[Answer], failing: Sequence[str]) -> dict[int, Answer]:
        """Return the answers to the questions that are worth most, by row of the pool; all if they are few enough."""
        given = {answer.image_id: answer for answer in answers if answer.label}
        askable = [row for row, name in enumerate(self._ids) if name in given and row not in self._rejected]
        questions = choose_questions(found, self._train, self._pool, self._most, failing, askable)
        rows = dict.fromkeys([*(question.row for question in questions), *askable])
        return {row: given[self._ids[row]] for row in list(rows)[: self._most]}

    def _describe(self, one: PseudoLabel, said: Mapping[int, Answer]) -> PoolLabel:
        answered = [self._ids[row] for row in said if said[row].names_class]
        near = [*self._train_ids, *answered]
        evidence: dict[str, Any] = {
            "nearest": [near[row] for row in one.nearest],
            "votes": dict(one.votes),
            "group": one.cluster,
            "group_size": one.cluster_size,
        }
        if one.row in said:
            evidence |= {"who": said[one.row].who or "a person", "when": said[one.row].when}
        return PoolLabel(self._ids[one.row], one.class_name, one.rate, evidence)


def _embed(session: Session, retriever: Retriever, images: Sequence[IdentifiedImage]) -> NDArray[np.float32]:
    """Return unit vectors (N, D); of points in a hyperbolic space their directions."""
    return to_unit(retriever.embed_cached(images, session.cache, progress=session.progress))
