"""What a round changed, as critic, planner, drafter and chat read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlantis_core.chat.status_lines import describe_rounds
from atlantis_core.records import Cell, MovedCell, NewConfusion, RoundMoves
from atlantis_core.run.critique import describe_round
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.run.session import Session
from atlantis_dml.agents.critics import RuleCritic
from atlantis_dml.agents.prompt_facts import summarise_rounds
from tests.interface.conftest import HOSTILE, fabricate, session_of

FELL = MovedCell(Cell(HOSTILE), 12, 0.9, 0.4, 0, 6, 2)
MOVES = RoundMoves(
    2,
    24,
    3,
    9,
    (MovedCell(Cell("tug"), 12, 0.5, 0.75, 3, 0, 2), FELL),
    (NewConfusion(HOSTILE, "tug", 12, 0.5, 4.0, 2),),
)
SAID = f'R@1 fell most: "{HOSTILE}" 0.90 -> 0.40 (12 queries, 2 of 2 seeds)'


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """The second round was rolled back."""
    found = session_of(fabricate(tmp_path))
    found.write(2, JournalKind.MOVES, MOVES)
    return found


def test_the_critic_reads_it_and_by_rules_warns_of_what_fell(session: Session) -> None:
    kept, rolled_back = read_judged_rounds(session)
    assert SAID in describe_round(rolled_back, session)
    assert f'look at the lost queries before making more images: "{HOSTILE}" (0.90 -> 0.40) fell most' in (
        RuleCritic().review(rolled_back, session).changes
    )
    assert not any("fell" in change for change in RuleCritic().review(kept, session).changes)


def test_planner_and_drafter_read_it_for_the_last_two_rounds(session: Session) -> None:
    _, rolled_back = read_judged_rounds(session)
    lines = summarise_rounds([replace(rolled_back, index=index) for index in range(1, 9)], session)
    assert len(lines) == 6
    assert [SAID in line for line in lines] == [False] * 4 + [True] * 2


def test_the_chat_says_it_of_each_round(session: Session) -> None:
    kept, rolled_back = describe_rounds(session)
    assert 'R@1 rose most: "tug" 0.00 -> 0.67 (12 queries, 2 of 2 seeds)' in kept
    assert SAID in rolled_back
    assert f'new confusions: "tug" first for 4.0 of 12 queries of "{HOSTILE}"' in rolled_back


def test_the_critic_reads_of_a_serving_that_it_made_no_images(session: Session) -> None:
    judged = read_judged_rounds(session)[0]
    served = replace(judged, protocol=replace(judged.protocol, remedy="serve:csls"))
    first, second, *_ = describe_round(served, session)
    assert first.startswith(f"round {judged.index}, remedy serve:csls: no images, judged on ")
    assert "filters" not in second
