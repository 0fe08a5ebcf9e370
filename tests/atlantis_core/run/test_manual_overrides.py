"""A person's decisions on synthetic images: it counts, it is remembered, and it cannot let a leak through."""

from __future__ import annotations

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Verdict
from atlantis_core.run.manual_overrides import override_verdicts
from atlantis_core.run.round import read_round
from atlantis_core.run.summary import summarise
from atlantis_core.run.verdicts import BY_HAND, list_screened
from atlantis_core.views.candidates import CandidateFilter, count_candidates, filter_candidates, list_candidates


def kept_keys(session) -> set[str]:
    return {one.candidate.key for one in list_screened(session, read_round(session, 1)) if one.is_kept}


def test_a_rejected_image_leaves_the_next_training_and_comes_back(made_run) -> None:
    session, keys = made_run
    before = kept_keys(session)
    assert before == set(keys[1:])
    assert override_verdicts(session, [keys[1]], kept=False) == {1: [keys[1]]}
    assert kept_keys(session) == before - {keys[1]}
    override_verdicts(session, [keys[0]], kept=True)
    assert keys[0] in kept_keys(session)
    override_verdicts(session, [keys[1]], kept=True)
    assert kept_keys(session) == set(keys)


def test_screening_again_does_not_undo_it(made_run) -> None:
    session, keys = made_run
    override_verdicts(session, [keys[1]], kept=False)
    session.workspace.candidates.judge(session.run_id, 1, [Verdict(keys[1], True, "margin", 0.1, "fine")])
    assert keys[1] not in kept_keys(session)


def test_it_stands_in_summary_and_trace(made_run) -> None:
    session, keys = made_run
    override_verdicts(session, keys[1:3], kept=False)
    (first,) = summarise(session.workspace, session.run_id)["rounds"]
    images = first["images"]
    assert (images["made"], images["kept"], images["rejected"]) == (4, 1, 3)
    assert images["rejected_by"] == {BY_HAND: 2, "margin": 1}
    assert images["taken_out_since"] == images["put_in_since"] == 0, "it is not measured yet"
    (event,) = session.workspace.events.tree(session.run_id)
    assert (event["kind"], event["name"]) == ("person", "reject by hand")
    assert event["input"]["candidates"] == keys[1:3]


@pytest.mark.parametrize("filter_name", ["leak_guard", "unreadable"])
def test_a_leak_cannot_be_kept(made_run, filter_name: str) -> None:
    session, keys = made_run
    session.workspace.candidates.judge(session.run_id, 1, [Verdict(keys[0], False, filter_name, 1.0, "it matches")])
    with pytest.raises(SetupError, match="cannot be kept: it matches"):
        override_verdicts(session, [keys[1], keys[0]], kept=True)
    assert session.workspace.candidates.by_hand(session.run_id, 1) == {}
    override_verdicts(session, [keys[0]], kept=False)  # rejecting it again harms nobody


def test_unknown_images_are_refused_whole(made_run) -> None:
    session, keys = made_run
    with pytest.raises(SetupError, match="made no image"):
        override_verdicts(session, [keys[1], "elsewhere"], kept=False)
    with pytest.raises(SetupError, match="no image was named"):
        override_verdicts(session, [], kept=False)
    assert session.workspace.candidates.by_hand(session.run_id, 1) == {}


def test_rows_are_chosen_and_sorted(made_run) -> None:
    session, keys = made_run
    override_verdicts(session, [keys[2]], kept=False)
    rows = list_candidates(session)
    assert [row.candidate.key for row in rows] == keys
    assert [row.status for row in rows] == ["rejected", "kept", "rejected", "kept"]
    assert [row.is_manual for row in rows] == [False, False, True, False]

    def chosen(**wanted) -> list[str]:
        return [row.candidate.key for row in filter_candidates(rows, CandidateFilter(**wanted))]

    assert chosen(status="kept") == [keys[1], keys[3]]
    assert chosen(filter=BY_HAND) == [keys[2]]
    assert chosen(round=2) == []
    assert chosen(class_name="tug") == keys
    assert chosen(value="light=day") == []
    assert chosen(words="AT NIGHT 3") == [keys[3]]
    assert chosen(order="worst") == keys[::-1]
    assert chosen(order="best") == keys
    with pytest.raises(SetupError, match="unknown order"):
        chosen(order="random")
    assert count_candidates(rows)["status"] == {"kept": 2, "rejected": 2}


def test_the_stamp_changes_with_every_decision(made_run) -> None:
    session, keys = made_run
    stamps = [session.workspace.candidates.stamp(session.run_id)]
    for kept in (False, True):
        override_verdicts(session, [keys[1]], kept=kept)
        stamps.append(session.workspace.candidates.stamp(session.run_id))
    assert len(set(stamps)) == 3


def test_a_filter_is_known_also_where_a_person_overruled_all_of_it(made_run) -> None:
    session, keys = made_run
    override_verdicts(session, keys, kept=True)
    assert filter_candidates(list_candidates(session), CandidateFilter(filter="margin")) == []
    with pytest.raises(SetupError, match="unknown filter 'rain'; known: by_hand, margin"):
        filter_candidates(list_candidates(session), CandidateFilter(filter="rain"))
