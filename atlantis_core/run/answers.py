"""What people said about photos of a run's pool: the answers that a workspace keeps, or those of a file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text
from atlantis_core.pool.answer_file import LONGEST_NAME, read_answers
from atlantis_core.pool.pool_folder import PoolFolder
from atlantis_core.records import NONE_OF_THESE, Answer
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlantis_core.run.session import Session


def list_classes(session: Session) -> list[str]:
    """Return the classes that a person can choose from: those with training photos, sorted."""
    return sorted({image.label for image in session.collection.of_split("train")})


def hash_classes(classes: Iterable[str]) -> str:
    """Return the content hash of classes: `none of these` means something else if there are others."""
    return content_hash("answer_classes", sorted(classes))


def read_kept_answers(session: Session) -> tuple[Answer, ...]:
    """Return the answers that the workspace keeps about the photos of the run's pool, skipped ones too."""
    if session.spec.pool is None:
        return ()
    classes = list_classes(session)
    found = session.workspace.answers.find(hash_classes(classes), classes)
    return tuple(found[image.id] for image in session.pool.images if image.id in found) if found else ()


def find_answers(session: Session) -> tuple[Answer, ...]:
    """Return the answers that a round which begins now would use: those of `--answers`, else those that are kept.

    Raises:
        SetupError: The file is gone, or has changed for the worse.
    """
    if session.spec.pool is not None and session.spec.answers is not None:
        return read_answers(session.spec.answers, PoolFolder(session.spec.pool))
    return tuple(answer for answer in read_kept_answers(session) if answer.label)


def fix_answers(session: Session, round_index: int) -> tuple[Answer, ...]:
    """Return the answers of a round: kept ones are written into its journal when the round first uses them."""
    if session.spec.answers is not None:
        return find_answers(session)
    fixed = session.read(round_index, JournalKind.ANSWERS)
    if fixed is None:
        fixed = find_answers(session)
        session.write(round_index, JournalKind.ANSWERS, fixed)
    return fixed


def asks_person(session: Session) -> bool:
    """Whether answers of a person would count in a run: it has a pool, and no file answers in their place."""
    return session.spec.pool is not None and session.spec.answers is None and may_ask(session)


def may_ask(session: Session) -> bool:
    """Whether a run may use a remedy that a person's answers serve."""
    return any(parse_remedy(name)[0].asks for name in session.spec.remedies)


def describe_kept_answers(session: Session) -> str:
    """Return a line about the kept answers that a run will use; empty if it uses none."""
    if not asks_person(session):
        return ""
    count = len(find_answers(session))
    return f"{count_noun(count, 'kept answer')} about photos of the pool will be used (ask_labels)" if count else ""


def keep_answer(session: Session, image_id: str, label: str, who: str) -> Answer:
    """Keep what a person said about a photo of the pool: a class, perhaps a new one, `NONE_OF_THESE` or nothing.

    A class that differs from a known one only in case is that one.

    Raises:
        SetupError: The pool has no such usable photo.
    """
    if image_id not in {image.id for image in session.pool.images}:
        raise SetupError(
            f"the pool of {session.run_id!r} has no usable photo {image_id[:40]!r}; reload the questions"
        )
    classes, name = list_classes(session), clean_text(label, LONGEST_NAME)
    known = {one.casefold(): one for one in [*classes, NONE_OF_THESE]}
    answer = Answer(image_id, label if label in classes else known.get(name.casefold(), name), who, _now())
    session.workspace.answers.add(hash_classes(classes), answer)
    return answer


def undo_answer(session: Session, who: str) -> Answer | None:
    """Remove the last answer of a person about these classes; None if there is none."""
    return session.workspace.answers.undo(hash_classes(list_classes(session)), who)


def is_useless(answer: Answer, classes: Iterable[str]) -> bool:
    """Whether a person said that a photo shows no class of the collection: none of them, or a new one."""
    return bool(answer.label) and answer.label not in set(classes)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def describe_asking(session: Session, round_index: int) -> str:
    """Return where a person can answer questions about the pool, and what that may bring; empty if nobody can."""
    forecast = session.read(round_index, JournalKind.ANSWER_FORECAST)
    if forecast is None or session.spec.answers is not None:
        return ""
    where = f"to name photos of the pool: atlantis label {session.run_id}, or the page Label of atlantis serve"
    return f"{where}; {forecast.sentence}"
