"""What moved most in a round: in the report as JSON, page and Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.records import Cell, MovedCell, NewConfusion, RoundMoves
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.summary import summarise
from atlantis_dml.report.report import write_report
from tests.interface.conftest import HOSTILE, Fabricated, session_of


def test_a_round_without_stored_moves_is_compared_from_its_outcomes(fabricated: Fabricated) -> None:
    """The baseline misses the 12 tugs, the kept candidate four of them by day; the second round changed nothing."""
    kept, rolled_back = summarise(fabricated.workspace, fabricated.run_id)["rounds"]
    assert rolled_back["moved"] is None
    moved = kept["moved"]
    assert (moved["seeds"], moved["queries"], moved["won"], moved["lost"]) == (2, 24, 8, 0)
    figures = ("class", "facet", "value", "queries", "before", "after", "won", "lost", "agreeing")
    assert [tuple(cell[name] for name in figures) for cell in moved["cells"]] == [
        ("tug", "", "", 12, 0.0, pytest.approx(8 / 12), 8, 0, 2),
        ("", "light", "night", 12, 0.5, 1.0, 6, 0, 2),
    ], "by day two more are won: z = 1.41, no clear move"
    assert moved["cells"][0]["gain"] == pytest.approx(8 / 12)
    assert moved["confusions"] == []


def test_page_and_markdown_have_the_table_with_names_as_text(fabricated: Fabricated) -> None:
    cells = (MovedCell(Cell(HOSTILE, "light", "night"), 6, 0.75, 0.25, 1, 4, 1),)
    confusions = (NewConfusion(HOSTILE, "tug", 12, 0.5, 4.0, 2),)
    session_of(fabricated).write(2, JournalKind.MOVES, RoundMoves(2, 24, 3, 9, cells, confusions))
    page = Path(write_report(fabricated.workspace, fabricated.run_id)["report_path"])
    text, markdown = page.read_text(encoding="utf-8"), page.with_suffix(".md").read_text(encoding="utf-8")
    for shown in (text, markdown.replace("\\", "")):
        assert "What moved most in round 2" in shown
        assert "3 of 24 queries won, 9 lost, over 2 paired seeds" in shown
        assert "partly luck" in shown
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, light=night" in text
    row = next(line for line in markdown.splitlines() if "light=night" in line and "0.75" in line)
    assert [cell.strip() for cell in row.replace("\\", "").split("|")[2:-1]] == [
        *("6", "0.75", "0.25", "-50.0", "1", "4", "1 of 2")
    ]
    assert any("0.5 | 4.0 | 2 of 2" in line for line in markdown.splitlines())


def test_a_round_in_which_nothing_moved_clearly_says_so(fabricated: Fabricated) -> None:
    session_of(fabricated).write(2, JournalKind.MOVES, RoundMoves(2, 24, 1, 1, (), ()))
    page = Path(write_report(fabricated.workspace, fabricated.run_id)["report_path"])
    for shown in (page, page.with_suffix(".md")):
        assert "1 of 24 queries won, 1 lost, over 2 paired seeds; no class or facet value moved clearly." in (
            shown.read_text(encoding="utf-8")
        )
