"""`atlantis trace RUN --queries`: tables, JSON and a page, for rounds of earlier versions too."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.run.journal import JournalKind
from atlantis_core.run.models import name_model
from atlantis_core.run.round import read_judged_rounds
from atlantis_dml.cli.main import main
from tests.interface.conftest import HOSTILE, Fabricated, session_of


def ask(fabricated: Fabricated, *words: str) -> int:
    return main(["trace", fabricated.run_id, "--workspace", str(fabricated.workspace.folder), *words])


def test_every_won_query_says_what_came_first_before_and_after(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str]
) -> None:
    """The baseline misses the 12 tugs with both seeds, the candidate the first 4."""
    assert ask(fabricated, "--queries", "--round", "1", "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    task = session_of(fabricated).task
    assert (found["round"], found["kept"], found["remedy"]) == (1, True, "generate")
    assert {one["id"] for one in found["won_queries"]} == {image.id for image in task.queries[4:12]}
    assert found["lost_queries"] == []
    one = found["won_queries"][0]
    assert (one["class"], one["hits_before"], one["hits_after"]) == ("tug", 0, 2)
    assert one["top_before"] == [{"class": HOSTILE, "seeds": 2}]
    assert one["top_after"] == [{"class": "tug", "seeds": 2}]
    assert Path(one["path"]).is_file()
    figures = ("class", "facet", "value", "queries", "before", "after", "won", "lost")
    classes, values = (
        [tuple(one[name] for name in figures) for one in found[key]] for key in ("by_class", "by_value")
    )
    assert sorted(classes) == [
        (HOSTILE, "", "", 12, 1.0, 1.0, 0, 0),
        ("tug", "", "", 12, 0.0, pytest.approx(8 / 12), 8, 0),
    ]
    assert values == [
        ("", "light", "day", 12, 0.5, pytest.approx(8 / 12), 2, 0),
        ("", "light", "night", 12, 0.5, 1.0, 6, 0),
    ]


def test_a_rolled_back_round_shows_what_it_lost_and_what_is_newly_confused(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_of(fabricated)
    arms = dict(read_judged_rounds(session)[1].arms or {})
    session.write(2, JournalKind.ARMS, arms | {"candidate": arms["baseline"]})
    assert ask(fabricated, "--queries") == 0
    printed = capsys.readouterr().out
    assert re.search(r"Round 2 of run \S+, generate, rolled back: not proven", printed)
    assert "0 of 24 queries won, 8 lost, over 2 paired seeds." in printed
    assert re.search(r"tug +12 +0\.67 +0\.00 +-66\.7 +0 +8 +2 of 2", printed)
    assert re.search(r"tug +<script>alert\(1\)</script> +12 +4\.0 +12\.0 +2 of 2", printed)
    assert "Queries lost:" in printed
    assert "Queries won" not in printed


def test_the_page_shows_images_and_keeps_names_as_text(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "queries.html"
    assert ask(fabricated, "--queries", "--round", "1", "--out", str(page)) == 0
    assert f"written: {page}" in capsys.readouterr().out.replace("\n", "")
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert text.count("data:image/jpeg;base64,") == 8, "the queries; the models are gone"
    assert "What came first is shown by its class alone: " in text
    assert not re.search(r"url\(|@import|https?://", text)
    assert ask(fabricated, "--queries", "--out", str(page)) == 2, "it exists"


def test_a_round_that_cannot_be_compared_is_one_line(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (("--round", "2", "--queries"), "round 2 .* had no model of its own, so no query changed"),
        (("--round", "5", "--queries"), "does not have a judged round 5; judged are: 1, 2"),
        (("--round", "1"), "--round needs --queries"),
        (("--out", "a.html"), "--out needs --queries"),
        (("--queries", "--step", "3"), "--queries traces a round's queries; leave out --step"),
        (("--image", "abcd", "--to", "mlflow"), "--image traces one image; leave out --to"),
        (("--queries", "--out", "a.pdf"), "must end in one of .html"),
    ):
        assert ask(fabricated, *words) == 2
        assert re.search(said, capsys.readouterr().err)


def test_a_model_with_a_serving_that_was_not_measured_needs_its_checkpoint(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str]
) -> None:
    session = session_of(fabricated)
    judged = read_judged_rounds(session)[1]
    served = [name_model(model, "csls") for model in dict(judged.arms or {})["incumbent"]]
    session.write(2, JournalKind.ARMS, dict(judged.arms or {}) | {"candidate": served})
    assert ask(fabricated, "--round", "2", "--queries") == 2
    assert "Traceback" not in capsys.readouterr().err
