"""Asking a person about photos of a pool: which, in which order, and what was said."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.pool.class_scores import nearest_rows
from atlantis_core.pool.questions import MOST_LIKELY, Question, choose_questions
from atlantis_core.records import NONE_OF_THESE, PhotoQuestion
from atlantis_core.run.answers import (
    find_answers,
    is_useless,
    keep_answer,
    list_classes,
    read_kept_answers,
    undo_answer,
)
from atlantis_core.run.pool import find_photos, find_rejected
from atlantis_core.run.pool_view import FROZEN, PoolView
from atlantis_core.run.round import read_rounds

if TYPE_CHECKING:
    from atlantis_core.records import Answer
    from atlantis_core.run.session import Session

_VERSION = 1
"""Raise it whenever the same photos would be asked about in another order."""

MOST_ALIKE = 8
"""Photos that are shown beside the one that is asked about."""

_EXAMPLES = 2
"""Training photos that are shown of a likely class."""


class Labelling:
    """The questions about the pool of a session, and one person's answers, each kept as soon as it is given.

    The questions are chosen once, with what is known by then: ordered by the doubt that an answer removes, given
    the answers before it. Photos with an answer, and skipped ones, are not asked about again; so one can stop and go
    on at any time, here or elsewhere.

    Args:
        session: Of a run, or of a collection and a pool.
        who: The person.
        model: The model that groups the photos; None takes the run's diagnosing model, if it has one, else `FROZEN`.

    Raises:
        SetupError: There is no pool.
    """

    def __init__(self, session: Session, who: str, model: str | None = None) -> None:
        if session.spec.pool is None:
            raise SetupError(f"{session.run_id!r} has no pool; name a folder of unlabelled photos with --pool FOLDER")
        self.session, self.who = session, who
        self.model = find_teacher(session) if model is None else model

    @cached_property
    def questions(self) -> tuple[PhotoQuestion, ...]:
        """The questions, at most `spec.questions`, those first that are worth most; takes seconds, or a minute."""
        return choose_photo_questions(self.session, self.model, self.session.spec.questions)

    @property
    def open_questions(self) -> list[PhotoQuestion]:
        """Those without an answer."""
        done = {answer.image_id for answer in self.answers}
        return [question for question in self.questions if question.image_id not in done]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All kept answers about the pool, of anybody; skipped photos have an empty label."""
        return read_kept_answers(self.session)

    def list_choices(self, question: PhotoQuestion) -> list[str]:
        """Return the names to choose from, at most `MOST_LIKELY`: the likely ones, then new classes."""
        new = [answer.label for answer in self.answers if is_useless(answer, [*self._classes, NONE_OF_THESE])]
        return list(dict.fromkeys([*question.likely, *reversed(new)]))[:MOST_LIKELY]

    @cached_property
    def _classes(self) -> list[str]:
        return list_classes(self.session)

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """Id -> file of the photos that questions show: those of the pool, and training photos."""
        train = {image.id: image.path for image in self.session.collection.of_split("train")}
        return train | {image.id: image.path for image in self.session.pool.images}

    def answer(self, image_id: str, label: str) -> Answer:
        """Keep an answer; see `keep_answer`."""
        return keep_answer(self.session, image_id, label, self.who)

    def undo(self) -> Answer | None:
        """Remove this person's last answer and return it; its photo is asked about again."""
        return undo_answer(self.session, self.who)


def find_teacher(session: Session) -> str:
    """Return the diagnosing model of a run; `FROZEN` before it is trained.

    Raises:
        SetupError: The run has no model yet, and an untrained backbone of random weights sees nothing.
    """
    rounds = [found for found in read_rounds(session) if found.arms and found.arms.get("diagnosing")]
    if rounds and rounds[-1].arms:
        return rounds[-1].arms["diagnosing"][0]
    if session.from_scratch:
        raise SetupError("the backbone has random weights, so it cannot tell photos apart; label after a first round")
    return FROZEN


def choose_photo_questions(session: Session, model: str, most: int) -> tuple[PhotoQuestion, ...]:
    """Choose the photos of the pool to ask a person about, given the answers so far; done once for each state."""
    photos, answers, failing = find_photos(session), find_answers(session), list_failing(session)
    asked = {answer.image_id for answer in (*answers, *read_kept_answers(session))}
    rejected = find_rejected(session)
    said = [[answer.image_id, answer.label] for answer in answers]
    ids = [image.id for image in photos]
    facts = [_VERSION, model, session.spec.collection_id, session.spec.backbone, session.spec.weights]
    key = content_hash("pool_questions", [*facts, ids, said, sorted(asked | rejected), sorted(failing), most])
    found = session.workspace.results.find(key)
    if found is None:
        started = time.monotonic()
        chosen = _choose(PoolView(session, model, photos, rejected), answers, asked, failing, most) if ids else ()
        found = as_json(chosen)
        session.workspace.results.add(key, "pool_questions", found, time.monotonic() - started)
    return from_json(tuple[PhotoQuestion, ...], found)


def list_failing(session: Session) -> set[str]:
    """Return the classes that the run's newest protocol is about, else those that its goal names."""
    protocols = [found.protocol for found in read_rounds(session) if found.protocol]
    cells = [request.cell for request in protocols[-1].cells] if protocols else session.goal.cells
    return {cell.class_name for cell in cells if cell.class_name}


def _choose(
    view: PoolView, answers: Sequence[Answer], asked: Collection[str], failing: Collection[str], most: int
) -> tuple[PhotoQuestion, ...]:
    said = view.find_rows(answers)
    askable = [row for row, name in enumerate(view.ids) if name not in asked and row not in view.rejected]
    settled = [*view.rejected, *(row for row, answer in said.items() if is_useless(answer, view.classes))]
    found = view.label(said)
    chosen = choose_questions(found, view.train, view.pool, most, failing, askable, settled)
    return tuple(_describe(view, question) for question in chosen)


def _describe(view: PoolView, question: Question) -> PhotoQuestion:
    similar = view.pool.embeddings[[question.row]] @ view.train.embeddings.T
    nearest = nearest_rows(similar, similar.shape[1])[0]
    examples = {
        name: tuple(view.train_ids[row] for row in nearest[view.train.labels[nearest] == name][:_EXAMPLES])
        for name in question.likely
        if name in view.classes  # a new one has no training photo
    }
    alike = tuple(view.ids[row] for row in question.alike[:MOST_ALIKE])
    return PhotoQuestion(view.ids[question.row], question.likely, alike, examples, round(question.settles, 4))
