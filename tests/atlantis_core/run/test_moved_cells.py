"""What a judged round changed: from its stored outcomes, and as it is stored when it is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlantis_core.metrics.paired_outcomes import pair_outcomes
from atlantis_core.records import Cell, MovedCell, NewConfusion, RoundMoves
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_arm_outcomes, load_outcomes
from atlantis_core.run.moved_cells import describe_moves, read_moves, sum_moves, write_moves
from atlantis_core.run.round import JudgedRound, read_judged_arms, read_judged_rounds
from atlantis_core.run.session import Session
from tests.interface.conftest import HOSTILE, fabricate, session_of


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return session_of(fabricate(tmp_path))


@pytest.fixture
def kept(session: Session) -> JudgedRound:
    return read_judged_rounds(session)[0]


def test_the_incumbent_of_a_kept_round_is_that_of_the_round_before(session: Session, kept: JudgedRound) -> None:
    arms = dict(kept.arms or {})
    assert read_judged_arms(session, kept) == (arms["baseline"], arms["candidate"])
    session.write(0, JournalKind.ARMS, {"baseline": ["a"], "incumbent": ["b"]})
    assert read_judged_arms(session, kept) == (["b"], arms["candidate"])
    session.write(0, JournalKind.ARMS, {"baseline": ["a"], "incumbent": ["a"]})
    grown = replace(kept, arms={"baseline": ["a", "c"], "incumbent": ["d", "e"], "candidate": ["d", "e"]})
    assert read_judged_arms(session, grown) == (["a", "c"], ["d", "e"]), "the baseline grew with it"


def test_a_rolled_back_round_says_itself_what_was_compared(session: Session) -> None:
    _, rolled_back = read_judged_rounds(session)
    assert read_judged_arms(session, rolled_back) is None, "no image was kept: the candidate is the incumbent"
    other = replace(rolled_back, arms={"baseline": ["a"], "incumbent": ["b"], "candidate": ["c"]})
    assert read_judged_arms(session, other) == (["b"], ["c"])
    assert read_judged_arms(session, replace(rolled_back, arms=None)) is None


def test_what_is_stored_is_read_again_with_the_models_that_were_compared(session: Session, kept: JudgedRound) -> None:
    arms = dict(kept.arms or {})
    judged = {"incumbent": arms["baseline"], "candidate": arms["candidate"]}
    write_moves(session, 1, judged)
    stored = read_judged_rounds(session)[0]
    assert stored.moves is not None
    assert read_judged_arms(session, stored) == (judged["incumbent"], judged["candidate"])
    derived = read_moves(session, kept)
    assert derived is not None
    assert replace(stored.moves, incumbent=(), candidate=()) == derived
    assert (derived.queries, derived.won, derived.lost) == (24, 8, 0)
    assert [one.cell for one in derived.cells] == [Cell("tug"), Cell("", "light", "night")]
    write_moves(session, 2, {"incumbent": arms["candidate"], "candidate": arms["candidate"]})
    assert read_judged_rounds(session)[1].moves is None


def test_outcomes_that_are_not_stored_are_not_measured_for_this(session: Session, kept: JudgedRound) -> None:
    models = dict(kept.arms or {})["candidate"]
    found = find_arm_outcomes(session, models)
    assert found is not None
    assert [one.ids for one in found if one] == [one.ids for one in load_outcomes(session, models) if one]
    attacked = Session(session.workspace, session.run_id, replace(session.spec, attack="fgsm"))
    assert find_arm_outcomes(attacked, models) is None, "clean outcomes say nothing about attacked queries"
    for file in session.workspace.path("measurements").iterdir():
        file.unlink()
    assert find_arm_outcomes(session, models) is None
    assert read_moves(session, kept) is None


def test_where_no_class_may_be_targeted_none_is_named(session: Session, kept: JudgedRound) -> None:
    arms = read_judged_arms(session, kept)
    assert arms is not None
    paired = pair_outcomes(*(load_outcomes(session, models) for models in reversed(arms)))
    assert paired is not None
    named, unnamed = (sum_moves(session, paired, by_class=by_class) for by_class in (True, False))
    assert [one.cell for one in unnamed.cells] == [Cell("", "light", "night")]
    assert [(one.class_name, one.returned, one.after) for one in named.confusions] == [("tug", HOSTILE, 12.0)]
    assert not unnamed.confusions


def test_statements_are_short_and_quote_names() -> None:
    fell = MovedCell(Cell(HOSTILE, "light", "night"), 20, 0.93, 0.46, 0, 10, 2)
    moves = RoundMoves(2, 260, 21, 34, (fell,), (NewConfusion(HOSTILE, 'a "b"', 20, 0.5, 6.0, 1),))
    assert describe_moves(moves) == [
        "of 260 queries 21 were won and 34 lost (2 seeds)",
        f'R@1 fell most: "{HOSTILE}" at "light=night" 0.93 -> 0.46 (20 queries, 2 of 2 seeds)',
        f'new confusions: "a \\"b\\"" first for 6.0 of 20 queries of "{HOSTILE}" (before 0.5, 1 of 2 seeds)',
    ]
    nothing = describe_moves(RoundMoves(1, 9, 0, 0, (), ()))
    assert nothing == ["of 9 queries 0 were won and 0 lost (1 seed)", "no class or facet value moved clearly"]
    assert describe_moves(None) == []
