"""What people said about photos of pools: every answer in the order it was given."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, delete, select

from atlantis_core.records import Answer
from atlantis_core.store.sql import execute, fetch_rows, fetch_value
from atlantis_core.store.tables import answers


class AnswerStore:
    """Answers by the classes that a person could choose from, see `run.answers.hash_classes`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, classes_hash: str, answer: Answer) -> None:
        """Store an answer; it replaces an earlier one about the same photo until it is undone."""
        row = {"classes": classes_hash, "image_id": answer.image_id, "label": answer.label}
        execute(self._engine, answers.insert().values(**row, who=answer.who, given=answer.when))

    def undo(self, classes_hash: str, who: str) -> Answer | None:
        """Remove the last answer of a person and return it; None if there is none."""
        own = (answers.c.classes == classes_hash, answers.c.who == who)
        last = fetch_value(self._engine, select(answers.c.id).where(*own).order_by(answers.c.id.desc()).limit(1))
        found = fetch_rows(self._engine, select(answers).where(answers.c.id == last))
        execute(self._engine, delete(answers).where(answers.c.id == last))
        return Answer(found[0].image_id, found[0].label, found[0].who, found[0].given) if found else None

    def find(self, classes_hash: str, classes: Collection[str]) -> dict[str, Answer]:
        """Return the last answer about each photo, by its id.

        Answers given for other classes count if they name one of `classes`: the collection has changed since.
        """
        rows, known = fetch_rows(self._engine, select(answers).order_by(answers.c.id)), set(classes)
        return {
            row.image_id: Answer(row.image_id, row.label, row.who, row.given)
            for row in rows
            if row.classes == classes_hash or row.label in known
        }
