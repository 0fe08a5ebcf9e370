"""Asks a person about photos of a pool in the terminal, and prints or exports the answers that are kept."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text
from atlantis_core.records import NONE_OF_THESE
from atlantis_dml.app.find_model import is_run_name
from atlantis_dml.app.output import say

if TYPE_CHECKING:
    from atlantis_core.records import PhotoQuestion
    from atlantis_core.run.labelling import Labelling
    from atlantis_core.run.session import Session
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest

_LONGEST_NAME = 40
_STOP, _UNDO, _SKIP, _NONE, _NEW = "q", "u", "s", "n", "w"


def name_person() -> str:
    """Return the name of this computer's user, to keep with answers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return "a person"


def open_labelling_session(target: str, request: RunRequest, workspace: Path | None, screen: Screen) -> Session:
    """Return the session that TARGET names: of a run, which has a pool, or of a collection with the pool of `--pool`.

    Raises:
        SetupError: There is no such run or collection, or no pool.
    """
    from atlantis_dml.app.run import open_session
    from atlantis_dml.app.setup import open_existing, open_session_without_run

    if request.spec.pool is not None:
        if is_run_name(target) and not Path(target).exists():
            raise SetupError(f"run {target!r} has a pool of its own; leave out --pool, or name a collection")
        return open_session_without_run("label", request, workspace, screen, trains=False)
    if not is_run_name(target):
        raise SetupError(f"{target!r} is not a run; a collection needs a folder of unlabelled photos: --pool FOLDER")
    store = open_existing(workspace)
    return open_session(store, store.runs.get(target), screen)


def offer_labelling(session: Session) -> None:
    """Let a person name photos of the pool before a run begins, if they want to.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    if _read_line("Name some photos of the pool first? The answers are kept [y/N]").lower() in {"y", "yes"}:
        label_now(session)


def label_now(session: Session) -> None:
    """Ask about photos of a run's pool; what cannot be asked is said.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    from atlantis_core.run.labelling import Labelling
    from atlantis_core.run.session import Session

    own = Session(session.workspace, session.run_id, session.spec, say=say)  # the run's reports to its graph
    try:
        labelling = Labelling(own, name_person())
        say("looking at the pool ...")
        ask_in_terminal(labelling)
    except SetupError as error:
        say(str(error))


def ask_in_terminal(labelling: Labelling) -> int:
    """Ask one question after the other until the person stops; return the number of answers given.

    Each question is a line with the file of its contact sheet. The input may be a pipe; its end means stop.
    """
    folder = labelling.session.workspace.path("questions")
    given = 0
    while asked := labelling.open_questions:
        answer = _ask_once(labelling, asked[0], len(asked), folder)
        if answer == _STOP:
            break
        given += -1 if answer == _UNDO else 1
    kept = sum(bool(answer.label) for answer in labelling.answers)
    left = len(labelling.open_questions)
    say(f"{count_noun(kept, 'answer')} kept, {count_noun(left, 'question')} left; runs over this pool use them")
    return max(0, given)


def _ask_once(labelling: Labelling, question: PhotoQuestion, left: int, folder: Path) -> str:
    """Show a question and act on what is typed, until it is an answer; return that."""
    from atlantis_dml.report.question_sheet import write_question_sheet

    choices = labelling.list_choices(question)
    file = folder / f"{question.image_id}.jpg"
    write_question_sheet(file, question, choices, labelling.paths)
    alike = f", {count_noun(len(question.alike), 'photo')} like it" if question.alike else ""
    say(f"Which class is it? {count_noun(left, 'question')} left{alike}: {file}")
    say("  " + "   ".join(f"{place} {clean_text(name, _LONGEST_NAME)}" for place, name in enumerate(choices, 1)))
    while True:
        typed = _read_line(f"[1-{len(choices)}, s skip, n none of these, w NAME another class, u undo, q stop]")
        word, _, name = typed.partition(" ")
        if word == _STOP:
            return _STOP
        if word == _UNDO:
            if undone := labelling.undo():
                say(f"undone: {undone.label or 'skipped'}")
                return _UNDO
            say("you have given no answer that could be undone")
            continue
        label = _read_label(word, name.strip(), choices)
        if label is not None:
            labelling.answer(question.image_id, label)
            return word
        say(f"{clean_text(typed, _LONGEST_NAME)!r} is not an answer")


def _read_label(word: str, name: str, choices: list[str]) -> str | None:
    """Return the label that was typed; None if it is not a label."""
    if word in {_SKIP, _NONE}:
        return "" if word == _SKIP else NONE_OF_THESE
    if word == _NEW:
        return name or _read_line("name of the class") or None
    return choices[int(word) - 1] if word in map(str, range(1, len(choices) + 1)) else None


def _read_line(text: str) -> str:
    """Return what is typed; `q` at the end of the input.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        return str(typer.prompt(text, default="", show_default=False, err=True)).strip()
    except typer.Abort as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        return _STOP


def list_questions(labelling: Labelling) -> dict[str, Any]:
    """Return the open questions and the kept answers as data, for `--json`."""
    paths = labelling.paths
    return {
        "pool": labelling.session.spec.pool,
        "questions": [
            {
                "image_id": one.image_id,
                "path": paths.get(one.image_id),
                "likely": list(one.likely),
                "settles": one.settles,
            }
            for one in labelling.open_questions
        ],
        "answers": [
            {
                "image_id": one.image_id,
                "path": paths.get(one.image_id),
                "label": one.label,
                "who": one.who,
                "when": one.when,
            }
            for one in labelling.answers
        ],
    }


def export_answers(labelling: Labelling, file: Path) -> int:
    """Write the kept answers as a file for `--answers`; return their number.

    Raises:
        SetupError: The file cannot be written.
    """
    from atlantis_core.pool.answer_file import write_answers

    answers = labelling.answers
    try:
        write_answers(file, answers, labelling.paths)
    except OSError as error:
        raise SetupError(f"--export {str(file)!r} cannot be written: {error.strerror}") from error
    return len(answers)
