"""A person answers questions about a pool; the workspace keeps the answers, and rounds use them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.records import NONE_OF_THESE, Cell, CellRequest, Comparison, Decision, Protocol
from atlantis_core.run.answer_forecast import write_answer_forecast
from atlantis_core.run.answers import describe_asking, find_answers, fix_answers
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.labelling import Labelling, choose_photo_questions
from atlantis_core.run.pilots import list_offers, run_pilots, shrunk_gain
from atlantis_core.run.pool import label_pool
from atlantis_core.run.pool_view import FROZEN
from atlantis_core.run.round import read_round
from atlantis_core.run.session import Session
from atlantis_core.run.summary import summarise
from atlantis_core.run.training_set import collect_real
from atlantis_core.run.trials import train_arm
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
REMEDIES = ("self_train", "ask_labels")


def _truth(session: Session, image_id: str) -> str:
    return next(Path(one.path) for one in session.pool.images if one.id == image_id).stem.rpartition("-")[0]


def _draft(session: Session, remedy: str) -> Protocol:
    cells = (CellRequest(Cell(session.collection.classes[0]), 2, ("photo",)),)
    return Protocol("p", 1, "edit", cells, "objective", "reason", "margin", 1.0, 0.1, remedy)


@pytest.fixture
def session(begin: Begin, pool: Path) -> Session:
    """Of a run with a pool that has not begun."""
    return begin(pool=str(pool), remedies=REMEDIES).session


def test_each_answer_is_kept_at_once_and_a_later_session_goes_on(session: Session) -> None:
    first = Labelling(session, "ann")
    asked = first.questions
    usable = {image.id for image in session.pool.images}
    assert {one.image_id for one in asked} <= usable
    classes = set(session.collection.classes)
    train = {image.id: image.label for image in session.collection.of_split("train")}
    for question in asked:
        assert set(question.likely) <= classes
        assert len(question.likely) <= 9
        assert question.image_id not in question.alike
        assert set(question.alike) <= usable
        assert {name: {train[one] for one in ids} for name, ids in question.examples.items()} == {
            name: {name} for name in question.likely
        }
    assert [one.settles for one in asked] == sorted((one.settles for one in asked), reverse=True)
    given = first.answer(asked[0].image_id, asked[0].likely[0].upper())
    assert (given.label, given.who) == (asked[0].likely[0], "ann"), "letter case makes no other class"
    assert datetime.fromisoformat(given.when).tzinfo is not None
    first.answer(asked[1].image_id, "")
    first.answer(asked[2].image_id, NONE_OF_THESE)
    assert [one.image_id for one in first.open_questions] == [one.image_id for one in asked[3:]]

    later = Labelling(Session(session.workspace, session.run_id, session.spec), "bob")
    assert {one.image_id: one.label for one in later.answers} == {
        asked[0].image_id: asked[0].likely[0],
        asked[1].image_id: "",
        asked[2].image_id: NONE_OF_THESE,
    }
    assert not {one.image_id for one in asked[:3]} & {one.image_id for one in later.questions}
    assert later.undo() is None, "only what one said oneself is undone"
    undone = first.undo()
    assert undone is not None
    assert undone.image_id == asked[2].image_id
    assert asked[2].image_id in {one.image_id for one in first.open_questions}
    with pytest.raises(SetupError, match="no usable photo 'elsewhere'"):
        first.answer("elsewhere", "tug")


def test_a_later_answer_about_a_photo_counts_until_it_is_undone(session: Session) -> None:
    labelling = Labelling(session, "ann")
    photo, (one, other) = session.pool.images[0].id, session.collection.classes[:2]
    labelling.answer(photo, one)
    labelling.answer(photo, other)
    assert [answer.label for answer in find_answers(session)] == [other]
    labelling.undo()
    assert [answer.label for answer in find_answers(session)] == [one]


def test_a_round_uses_the_kept_answers_and_its_journal_says_which(session: Session) -> None:
    (trial,) = train_arm(session, [session.diagnosing_seed], collect_real(session))
    before = {label.image_id for label in label_pool(session, trial.id, [], ask=False, round_index=1)}
    assert read_round(session, 1).answers == ()
    assert not any(offer.remedy.startswith("ask_labels") for offer in list_offers(session)), "nobody has answered"

    labelling = Labelling(session, "ann", trial.id)
    sure = sorted(before)
    named = [one.image_id for one in labelling.questions[:4] if one.image_id not in sure[:2]]
    for image_id in named:
        labelling.answer(image_id, _truth(session, image_id))
    labelling.answer(sure[0], NONE_OF_THESE)
    labelling.answer(sure[1], "a new class")
    assert {"ask_labels", "ask_labels:gallery"} <= {offer.remedy for offer in list_offers(session)}

    assert fix_answers(session, 1) == (), "a round that has begun keeps to what it knew"
    labels = {label.image_id: label for label in label_pool(session, trial.id, [], ask=True, round_index=2)}
    known = read_round(session, 2).answers
    assert {answer.image_id for answer in known} == {*named, *sure[:2]}
    for image_id in named:
        one = labels[image_id]
        assert (one.class_name, one.rate, one.evidence["who"]) == (_truth(session, image_id), 1.0, "ann")
        assert one.evidence["when"] == next(answer.when for answer in known if answer.image_id == image_id)
    assert not set(sure[:2]) & labels.keys(), "none of these, and a new class"
    alone = label_pool(session, trial.id, [], ask=False, round_index=2)
    assert not set(sure[:2]) & {label.image_id for label in alone}, "not pseudo-labelled either"
    offer = next(one for one in list_offers(session) if one.remedy == "ask_labels:gallery")
    (pilot,) = run_pilots(session, 2, _draft(session, "generate"), trial.id, [offer])
    assert pilot.overall is not None
    assert pilot.images == len(labels)


def test_answers_count_in_another_run_of_the_workspace(begin: Begin, pool: Path) -> None:
    session = begin(pool=str(pool), remedies=REMEDIES).session
    labelling = Labelling(session, "ann", FROZEN)
    for question in labelling.questions[:6]:
        labelling.answer(question.image_id, _truth(session, question.image_id))
    run = session.workspace.runs.create(session.spec)
    other = Session(session.workspace, run.id, run.spec)
    assert find_answers(other) == find_answers(session)
    assert len(find_answers(other)) == 6


def test_a_remedy_that_was_rolled_back_is_tried_again_with_more_answers(session: Session) -> None:
    labelling = Labelling(session, "ann")
    first, second = labelling.questions[:2]
    labelling.answer(first.image_id, _truth(session, first.image_id))
    fix_answers(session, 1)
    none = Comparison(0.5, 0.5, 0.0, -0.01, 0.01, 1.0, 10, 2)
    session.write(1, JournalKind.PROTOCOL, _draft(session, "ask_labels"))
    session.write(1, JournalKind.DECISION, Decision(False, "no gain", none, None, none))
    assert "ask_labels" not in {offer.remedy for offer in list_offers(session)}
    labelling.answer(second.image_id, _truth(session, second.image_id))
    assert "ask_labels" in {offer.remedy for offer in list_offers(session)}


def test_an_answer_outlives_a_change_of_the_classes_only_if_it_names_one(session: Session) -> None:
    answers, photo = session.workspace.answers, session.pool.images
    labelling = Labelling(session, "ann")
    labelling.answer(photo[0].id, NONE_OF_THESE)
    labelling.answer(photo[1].id, "a new class")
    labelling.answer(photo[2].id, session.collection.classes[0])
    grown = [*session.collection.classes, "a new class"]
    assert answers.find("other classes", grown).keys() == {photo[1].id, photo[2].id}


def test_more_answers_are_forecast_from_the_pilot_and_from_training_photos(session: Session) -> None:
    (trial,) = train_arm(session, [session.diagnosing_seed], collect_real(session))
    session.write(1, JournalKind.PROTOCOL, _draft(session, "generate"))
    offer = next(one for one in list_offers(session) if one.remedy == "self_train:gallery")
    pilots = run_pilots(session, 1, _draft(session, "generate"), trial.id, [offer])
    write_answer_forecast(session, 1, trial.id, pilots)
    forecast = read_round(session, 1).answer_forecast
    assert forecast is not None
    first = choose_photo_questions(session, trial.id, session.spec.questions)[:10]
    assert forecast.settles[0] == pytest.approx(sum(one.settles for one in first), abs=0.01)
    failing = [session.collection.classes[0]]
    right = sum(label.rate for label in label_pool(session, trial.id, failing, ask=False, round_index=1))
    assert forecast.basis == "self_train:gallery"
    assert forecast.pilot_gain == pytest.approx(shrunk_gain(pilots[0]) * forecast.settles[0] / right)
    assert forecast.held_out_gain is not None
    assert forecast.sentence.startswith("forecast, not measured: 10 more answers of a person would settle about ")
    assert f"atlantis label {session.run_id}" in describe_asking(session, 1)
    assert describe_asking(session, 2) == "", "nothing was forecast there"
    facts = summarise(session.workspace, session.run_id)["rounds"][0]
    assert facts["answer_forecast"]["sentence"] == forecast.sentence
