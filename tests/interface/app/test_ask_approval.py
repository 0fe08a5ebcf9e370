"""Protocols that are shown to a person and edited."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.base.errors import InvalidProtocol, SetupError
from atlantis_core.run.time_estimate import estimate_seconds
from atlantis_dml.app.ask_approval import answer_from_options, ask_person, describe_protocol
from tests.interface.conftest import HOSTILE, Fabricated, begin, session_of


def _question(fabricated: Fabricated) -> dict[str, Any]:
    protocol = fabricated.workspace.journal.read(fabricated.run_id, 1, "protocol")
    spent = fabricated.workspace.ledger.spent(fabricated.run_id)
    return {"round": 1, "protocol": protocol, "images": 4, "spent": spent}


def test_a_person_is_shown_cells_prompts_and_cost(fabricated: Fabricated) -> None:
    lines = "\n".join(describe_protocol(session_of(fabricated), _question(fabricated)))
    assert f"4  {HOSTILE} x light=night" in lines
    assert f"prompt: a photo of {HOSTILE} at night" in lines
    assert "4 images of 12 left" in lines
    assert "about 4 s for generating them and 2 trainings" in lines


def test_the_forecast_comes_from_the_trace(fabricated: Fabricated, tmp_path: Path) -> None:
    # Trainings took 1.5 and 2.5 s on average 2, there are 2 seeds, and making took next to nothing.
    assert estimate_seconds(fabricated.workspace, fabricated.run_id, 0) == pytest.approx(4.0)
    begun = begin(tmp_path / "other")
    assert estimate_seconds(begun.workspace, begun.run_id, 10) is None


def test_an_edited_protocol_is_checked_before_the_run_sees_it(fabricated: Fabricated, tmp_path: Path) -> None:
    session, file = session_of(fabricated), tmp_path / "edited.json"
    protocol = _question(fabricated)["protocol"]
    file.write_text(json.dumps(protocol))
    answer = answer_from_options(session, False, False, file, "")
    assert answer is not None
    assert answer["decision"] == "edit"
    assert answer["protocol"]["id"] == "protocol1"
    protocol["cells"][0]["cell"]["class_name"] = "submarine"
    file.write_text(json.dumps(protocol))
    with pytest.raises(InvalidProtocol, match="submarine"):
        answer_from_options(session, False, False, file, "")
    for broken in ("{", "[" * 100_000):
        file.write_text(broken)
        with pytest.raises(SetupError, match="not valid JSON"):
            answer_from_options(session, False, False, file, "")
    assert answer_from_options(session, False, True, None, "too dark") == {"decision": "reject", "reason": "too dark"}
    assert answer_from_options(session, False, False, None, "") is None


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("y\n", {"decision": "approve"}),
        ("x\n\nw\n夜景太多\n", {"decision": "respond", "words": "夜景太多"}),
        ("yes but without fog\n", {"decision": "respond", "words": "yes but without fog"}),
        ("r\ntoo dark\n", {"decision": "reject", "reason": "too dark"}),
        ("s\n\n", {"decision": "stop", "reason": ""}),
    ],
)
def test_at_the_prompt_one_letter_approves_and_a_sentence_never_does(
    fabricated: Fabricated, monkeypatch: pytest.MonkeyPatch, typed: str, answer: dict[str, str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert ask_person(session_of(fabricated), _question(fabricated)) == answer


def test_options_respond_in_words_reject_and_end_the_run(fabricated: Fabricated) -> None:
    session = session_of(fabricated)
    words = {"decision": "respond", "words": "keine Bilder bei Nacht"}
    assert answer_from_options(session, False, False, None, "", "keine Bilder bei Nacht") == words
    ends = {"decision": "stop", "reason": "enough"}
    assert answer_from_options(session, False, False, None, "enough", stop=True) == ends
    assert answer_from_options(session, False, True, None, "enough", stop=True) == ends
    with pytest.raises(SetupError, match="give only one of"):
        answer_from_options(session, True, False, None, "", "fewer")


def test_a_draft_that_follows_rejections_says_so_and_asks_whether_to_end_the_run(fabricated: Fabricated) -> None:
    question = _question(fabricated)
    question |= {"rejections": 3, "responses": [{"decision": "reject", "protocol": {}, "words": "too dark"}]}
    lines = describe_protocol(session_of(fabricated), question)
    assert lines[0] == "Drafted again, as you rejected the draft before: too dark"
    assert lines[1].startswith("3 drafts in a row were rejected. End the run?")
