"""Settings, progress, charts, approvals, the final test and the way out, each by itself."""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from rich.console import Console

from atlantis_core.base.errors import InvalidProtocol, SetupError, Stopped
from atlantis_core.harbor.planted import read_planted_gap
from atlantis_core.records import Goal
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.session import Session
from atlantis_core.run.summary import seconds_by_round
from atlantis_core.run.time_estimate import estimate_seconds
from atlantis_core.workflows.test import run_final_test
from atlantis_dml.app.ask_approval import answer_from_options, describe_protocol
from atlantis_dml.app.command_lines import build_run_command
from atlantis_dml.app.find_model import find_retriever
from atlantis_dml.app.progress import Screen, make_watcher
from atlantis_dml.report.charts import HEIGHT, Point, lay_out_plot
from atlantis_dml.settings import Settings
from atlantis_dml.text.figures import format_duration, write_headline
from tests.interface.conftest import HOSTILE, Fabricated, begin


def _session(fabricated: Fabricated) -> Session:
    run = fabricated.workspace.runs.get(fabricated.run_id)
    return Session(fabricated.workspace, run.id, run.spec)


def test_a_key_from_a_file_is_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("sk-secret\n")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    settings = Settings()
    key = settings.key()
    assert key is not None
    assert key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in repr(settings) + repr(key)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00"])
def test_a_key_file_of_no_use_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SetupError, match="OPENAI_API_KEY_FILE"):
        Settings().key()


def _screen(every_seconds: float = 0.0) -> tuple[Screen, io.StringIO]:
    written = io.StringIO()
    return Screen(Console(file=written, width=200), every_seconds), written


def test_decisions_and_answers_are_a_line_each_without_markup_or_control_characters() -> None:
    screen, written = _screen()
    watch = make_watcher(screen, lambda: "round 1 kept")
    call: Any = {"name": "train_retriever", "args": {"arm": "baseline"}, "id": "1"}
    watch("planner", {"messages": [AIMessage("Because [red]so[/red]\x1b[2J.", tool_calls=[call])]})
    watch("tools", [{"messages": [ToolMessage("done", tool_call_id="1")]}, {"failures": 0}])  # type: ignore[arg-type]
    watch("tools", {"messages": [ToolMessage("no", tool_call_id="1", status="error")]})
    watch("planner", {"messages": [AIMessage("Enough."), HumanMessage("Again.")]})
    watch("judge", {})
    assert written.getvalue().splitlines() == [
        "> train_retriever(arm=baseline): Because [red]so[/red][2J.",
        "    done",
        "  x no",
        "> Enough.",
        "  x Again.",
        "= round 1 kept",
    ]


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    seldom, nothing = _screen(every_seconds=60)
    often, lines = _screen()
    with seldom, often:
        for done in range(3):
            seldom.progress("reading", done, 2)
            often.progress("reading", done, 2)
    assert nothing.getvalue() == ""
    assert lines.getvalue().splitlines() == ["  reading 0/2", "  reading 1/2", "  reading 2/2"]


def test_on_a_terminal_there_are_bars_that_go_away() -> None:
    written = io.StringIO()
    screen = Screen(Console(file=written, width=80, force_terminal=True))
    with screen:
        screen.progress("reading", 0, 2)
        screen.progress("reading", 2, 2)
        screen.progress("instant", 1, 1)
        with screen.paused():
            screen.line("a question")
    assert "a question" in written.getvalue()


def test_ctrl_c_ends_work_in_any_thread_at_its_next_sign() -> None:
    screen, _ = _screen()
    screen.stop.request()
    with pytest.raises(Stopped):
        screen.progress("training", 1, 2)


def test_a_plot_holds_every_value_and_whisker_inside_its_frame() -> None:
    drawn = lay_out_plot(
        [Point("a", 0.5, "bar"), Point("b", 0.62, "kept", 0.4, 0.97)], level=0.5, incumbents=[0.5, 0.62]
    )
    assert drawn is not None
    first, second = drawn.marks
    assert drawn.level == first.y
    assert 0 < second.high < second.y < first.y < second.low < HEIGHT  # type: ignore[operator]
    assert drawn.path == f"{first.x},{first.y} {second.x},{second.y}"
    assert [text for _, text in drawn.ticks] == [".40", ".60", ".80", "1.00"]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_plot_of_one_value_has_a_scale(value: float) -> None:
    drawn = lay_out_plot([Point("a", value, "bar")])
    assert drawn is not None
    assert len(drawn.ticks) >= 2
    assert lay_out_plot([]) is None


def test_the_command_to_do_it_again_survives_a_shell(fabricated: Fabricated) -> None:
    spec = replace(_session(fabricated).spec, goal=Goal('it\'s $(rm -rf) "here"'), query=("vi=sit", "2"), auto=False)
    words = shlex.split(build_run_command(spec))
    assert words[:5] == ["atlantis", "run", spec.data, "--goal", spec.goal.text]
    assert words[words.index("--query") + 1] == r"vi\=sit=2"
    assert words[words.index("--budget-images") + 1] == "20"
    assert words[-1] == "--approve"


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.234, "1.2 s"), (80, "80 s"), (125, "2 min 05 s"), (7500, "2 h 05 min"), (None, "...")]
)
def test_durations_read_well(seconds: float | None, words: str) -> None:
    assert format_duration(seconds) == words


def test_a_run_that_gained_nothing_says_so() -> None:
    lost = {"kept": False, "judged": True}
    baseline = {"recall_at": {"1": 0.5}}
    facts: dict[str, Any] = {
        "status": "done",
        "rounds": [lost, lost],
        "baseline": baseline,
        "stop_detail": "all done",
    }
    assert write_headline(facts).startswith("No gain: none of the 2 rounds was a proven improvement")
    assert "the only round was not a proven improvement" in write_headline(facts | {"rounds": [lost]})
    assert "ended before" in write_headline(facts | {"baseline": None, "stop_detail": "the planner stopped"})


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([], "no round was started (no cell has a gap), so"),
        ([{"kept": False, "judged": False}], "no round was judged (no cell has a gap), so"),
    ],
)
def test_a_run_that_judged_no_round_says_why(rounds: list[dict[str, bool]], said: str) -> None:
    facts = {"status": "done", "baseline": {"recall_at": {"1": 0.5}}, "stop_detail": "no cell has a gap."}
    assert said in write_headline(facts | {"rounds": rounds})


def _question(fabricated: Fabricated) -> dict[str, Any]:
    protocol = fabricated.workspace.journal.read(fabricated.run_id, 1, "protocol")
    spent = fabricated.workspace.ledger.spent(fabricated.run_id)
    return {"round": 1, "protocol": protocol, "images": 4, "spent": spent}


def test_a_person_is_shown_cells_prompts_and_cost(fabricated: Fabricated) -> None:
    lines = "\n".join(describe_protocol(_session(fabricated), _question(fabricated)))
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
    session, file = _session(fabricated), tmp_path / "edited.json"
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
        with pytest.raises(SetupError, match="no JSON"):
            answer_from_options(session, False, False, file, "")
    assert answer_from_options(session, False, True, None, "too dark") == {"decision": "reject", "reason": "too dark"}
    assert answer_from_options(session, False, False, None, "") is None


def test_preparation_counts_for_no_round() -> None:
    def event(kind: str, name: str, given: Any, seconds: float, *children: Any) -> dict[str, Any]:
        return {"kind": kind, "name": name, "input": given, "seconds": seconds, "children": list(children)}

    baseline = event("tool", "train_retriever", {"arm": "baseline"}, 60.0)
    making, waiting = event("tool", "generate_images", {}, 5.0), event("approval", "approve", {}, 900.0)
    roots = [
        event("planner", "rules", {"round": 1}, 1.0, baseline),
        event("planner", "rules", {"round": 1}, 1.0, waiting, making),
        event("judge", "round 1", {}, 2.0),
    ]
    assert seconds_by_round(roots) == {0: 61.0, 1: 8.0}


def test_the_test_split_opens_only_for_a_finished_run(tmp_path: Path) -> None:
    session = begin(tmp_path)
    with pytest.raises(SetupError, match="is not done"):
        run_final_test(session)
    assert session.read(0, JournalKind.SEAL_OPENING) is None


def test_a_stored_test_is_never_measured_again(fabricated: Fabricated) -> None:
    session = _session(fabricated)
    session.write(0, JournalKind.TEST, {"opened": [1.0]})
    assert run_final_test(session) == {"opened": [1.0]}
    assert session.read(0, JournalKind.SEAL_OPENING) is None


def test_no_planted_gap_is_read_from_a_folder_of_photos(tmp_path: Path) -> None:
    assert read_planted_gap(tmp_path) == ()
    (tmp_path / "world.json").write_text("{}")
    with pytest.raises(SetupError, match=r"world\.json"):
        read_planted_gap(tmp_path)


@pytest.mark.parametrize(("model", "culprit"), [("20990101-abcdef", "no run"), ("no_such_net", "no_such_net")])
def test_a_model_that_is_not_there_is_named(fabricated: Fabricated, model: str, culprit: str) -> None:
    with pytest.raises(SetupError, match=culprit):
        find_retriever(model, fabricated.workspace.folder)


def test_a_run_names_its_final_models_first_seed(fabricated: Fabricated) -> None:
    trial = fabricated.workspace.journal.read(fabricated.run_id, 0, "final_arms")["incumbent"][0]  # type: ignore[index]
    for model in ("last", fabricated.run_id, trial, trial[:12]):
        with pytest.raises(SetupError, match=trial):  # its checkpoint is fabricated too: the path it looks for shows
            find_retriever(model, fabricated.workspace.folder)
