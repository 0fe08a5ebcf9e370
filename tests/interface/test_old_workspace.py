"""A workspace of the version before opens, reports, resumes and is searched; nothing in it is trained or made again.

`tests/fixtures/make_old_workspace.py` made it and wrote down what that version said of it.
"""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from atlantis_dml.cli.main import main
from tests.fixtures.make_old_workspace import QUERY, TRAIN, Home
from tests.fixtures.packing import PLACEHOLDER, unpack

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
VARYING = frozenset({"seconds", "took", "started", "ended", "created", "next", "preprocessing"})
"""Keys that differ from one call to the next; `preprocessing` is a setting that the old version did not have."""
CLOSE = 0.05
"""Of a share that another processor's training may change; a query is 1/64."""

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime


def run(argv: list[str]) -> int:
    """Call the command line; the one place that knows how."""
    return main(argv)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The folder, moved to a place of its own for every test."""
    home = Home(unpack(FIXTURES / "old_workspace.tar.xz", tmp_path / "home"))
    monkeypatch.setenv("ATLANTIS_WORKSPACE", home.workspace)
    return home


@pytest.fixture
def expected(old: Home) -> dict[str, Any]:
    text = (FIXTURES / "expected.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text.replace(PLACEHOLDER, str(old.folder)))
    return found


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]):
    """Return a function that gives a command's JSON answer."""

    def asking(*arguments: str) -> dict[str, Any]:
        code = run([*arguments, "--json"])
        answered = capsys.readouterr()
        assert code == 0, answered.err
        found: dict[str, Any] = json.loads(answered.out)
        return found

    return asking


def lasting(value: Any) -> Any:
    """Return an answer without what differs from one time to the next."""
    if isinstance(value, dict):
        return {key: lasting(each) for key, each in value.items() if key not in VARYING}
    return [lasting(each) for each in value] if isinstance(value, list) else value


def known_then(now: Any, then: Any) -> Any:
    """Return an answer without the keys that are newer than the one of the time."""
    if isinstance(now, dict) and isinstance(then, dict):
        return {key: known_then(each, then[key]) for key, each in now.items() if key in then}
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        return [known_then(*pair) for pair in zip(now, then, strict=True)]
    return now


def trainings(home: Home) -> dict[str, int]:
    """Return each kept model with its time of writing: one that is trained again has another."""
    files = Path(home.workspace, "models").glob("*/*.safetensors")
    return {path.parent.name: path.stat().st_mtime_ns for path in files}


def booked(home: Home) -> int:
    """Return how many trainings the database lists."""
    connection = sqlite3.connect(Path(home.workspace, "atlantis.db"))
    (count,) = connection.execute("SELECT count(*) FROM trials").fetchone()
    connection.close()
    return int(count)


def test_its_runs_are_listed(ask, expected) -> None:
    assert lasting(ask("runs")) == lasting(expected["runs"])
    assert {one["status"] for one in expected["runs"]["runs"]} == {"done", "waiting", "paused"}


def test_the_report_has_the_figures_of_the_time(ask, old, expected, capsys) -> None:
    run_id = expected["ids"]["finished"]
    found = known_then(ask("report", run_id), expected["report"])
    assert lasting(found) == lasting(expected["report"]), "intervals are of today's test: none were stored then"
    (first,) = expected["report"]["rounds"]
    assert first["kept"]
    assert first["images"]["put_in_since"] == 1, "a person's word on an image is part of it"
    assert run(["report", run_id, "--out", str(old.folder / "sent.html")]) == 0
    assert "kept" in capsys.readouterr().out
    assert (old.folder / "sent.html").stat().st_size > 10_000, "a page with its pictures in it"


def test_the_trace_has_every_step(ask, expected) -> None:
    found = known_then(ask("trace", expected["ids"]["finished"]), expected["trace"])
    assert lasting(found) == lasting(expected["trace"])


@pytest.mark.slow
def test_a_training_is_found_again_and_measured_alike(ask, old, expected) -> None:
    before, count = trainings(old), booked(old)
    trial = expected["ids"]["trial"]
    found = known_then(ask("evaluate", trial, old.photos), expected["evaluate"])
    assert lasting(found) == lasting(expected["evaluate"])
    again = ask("train", old.photos, *TRAIN, *old.weights)
    assert lasting(known_then(again, expected["train"])) == lasting(expected["train"]), (
        "the content hash of the training is the same"
    )
    assert (trainings(old), booked(old)) == (before, count)


def test_its_export_embeds_and_its_index_is_searched(ask, old, expected) -> None:
    found = ask("search", "sails", str(old.folder / "photos" / QUERY), "--top", "3")
    told = expected["search"]
    assert [hit["path"] for hit in found["results"]] == [hit["path"] for hit in told["results"]]
    assert [hit["distance"] for hit in found["results"]] == pytest.approx(
        [hit["distance"] for hit in told["results"]], abs=1e-4
    )
    exported = ask("evaluate", str(old.folder / "exported"), old.photos)
    assert exported["recall_at"] == expected["evaluate"]["recall_at"]


@pytest.mark.slow
@pytest.mark.parametrize(("which", "options"), [("waiting", ["--approve"]), ("paused", [])])
def test_an_unfinished_run_goes_on_to_its_end(which: str, options: list[str], ask, old, expected) -> None:
    before, count = trainings(old), booked(old)
    done = ask("resume", expected["ids"][which], *options)
    told = expected["resumed"][which]
    assert (done["status"], done["stop_reason"]) == (told["status"], told["stop_reason"]) == ("done", "budget_spent")
    assert done["baseline"] == told["baseline"], "what was measured before it rested stays"
    (ours,), (theirs,) = done["rounds"], told["rounds"]
    assert ours["images"]["made"] == theirs["images"]["made"]
    assert ours["recall_at_1"]["after"] == pytest.approx(theirs["recall_at_1"]["after"], abs=CLOSE)
    assert (trainings(old), booked(old)) == (before, count), (
        "the same two images are kept, so nothing is trained again"
    )
    assert lasting(ask("report", expected["ids"][which]))["rounds"] == lasting(done["rounds"])


@pytest.mark.slow
def test_a_conversation_goes_on_where_it_rested(old, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("status\n/quit\n"))
    assert run(["chat", old.photos, *old.weights]) == 3
    out = capsys.readouterr().out
    assert "Resuming chat-" in out
    assert "status: waiting" in out
