"""`atlantis chat` from a pipe on the tiny bundled world: goal, plan, approval, questions, wishes, memory."""

from __future__ import annotations

import io

import pytest

from atlantis_core.base.errors import ToolError
from atlantis_core.chat.run_plan import RunPlan
from atlantis_dml.app.progress import open_stderr_screen
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.chat.desk import ChatDesk
from atlantis_dml.chat.record import ChatRecord, save_record
from atlantis_dml.cli.main import main
from tests.interface.conftest import Fabricated

QUICK = ["chat", "harbor-tiny", "--preset", "smoke", "--backbone", "harbor-student", "--seeds", "1"]
QUICK += ["--remedies", "generate"]

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # the injected runtime


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that says lines in a chat and returns the exit code and what was printed."""

    def talking(*lines: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        code = main([*QUICK, *options])
        return code, capsys.readouterr().out

    return talking


@pytest.mark.slow
def test_a_whole_conversation(talk) -> None:
    code, out = talk(
        "# a comment",
        "night photos of trawlers are not found; you have 12 images and 1 round",
        "skip day",
        "undo",
        "yes",
        "why did you pick night?",
        "skip trawler-red-white",
        "undo",
        "status",
        "approve with 5",
        "results",
        "/trace",
        "/quit",
    )
    assert code == 0
    order = [
        "64 sealed test images",
        "condition=night in 2 classes",
        "Say yes to start",
        "The run will skip day.",
        "Undone: skipping day",
        "has started",
        "Round 1: ",
        "cost: ",
        "answer: approve",
        "was gap 1 of",
        "From now on the run skips trawler-red-white",
        "Undone: skipping trawler-red-white",
        "status: waiting",
        "changed to 5 images",
        "5 images made",
        "Report: ",
        "round 1 was ",
        "planner rules",
    ]
    places = [out.find(part) for part in order]
    assert -1 not in places, order[places.index(-1)]


@pytest.mark.slow
def test_it_goes_on_after_a_restart(talk) -> None:
    code, out = talk("trawlers at night are not found, 8 images, 1 round", "yes")
    assert code == 3
    assert "answer: approve" in out
    code, out = talk("approve without trawler-red-white", "why did it end?")
    assert code == 0
    assert "Resuming chat-" in out
    assert out.count("answer: approve") == 1, "the waiting protocol is shown again"
    assert "Last: yes" in out
    assert "changed to" in out
    assert "the run ended: its one round is done" in out


@pytest.mark.slow
def test_a_yes_starts_a_plan_only_right_after_it_was_shown(talk) -> None:
    goal = "night photos of trawlers are not found; 8 images, 1 round"
    talk(goal)
    code, out = talk("yes", "data", "go ahead")
    assert code == 0
    assert "/start starts it" in out
    assert out.count("Nothing was started: that yes follows no plan of this session.") == 2
    assert out.count(f"\nGoal: {goal}") == 2, "the plan of the day before is shown again, and after other talk too"
    assert "has started" not in out
    code, out = talk("/start")
    assert code == 3
    assert "has started" in out


@pytest.mark.slow
def test_a_yes_to_the_plan_that_is_shown_again_starts_it(talk) -> None:
    talk("night photos of trawlers are not found; 8 images, 1 round")
    code, out = talk("yes", "yes")
    assert code == 3
    assert out.index("Nothing was started") < out.index("has started")


def test_several_wishes_in_a_line_are_all_acted_on(talk) -> None:
    code, out = talk("night photos are not found", "skip day, 50 images, sing me a song and only trawlers")
    assert code == 0
    assert "The run will skip day." in out
    assert "The run will skip everything but trawlers." in out
    assert "Budget: 50 images in all" in out
    assert "Left alone: day, everything but trawlers" in out
    assert 'Not acted on: "sing me a song"' in out


@pytest.mark.parametrize(
    ("goal", "told"),
    [
        ("make it better", "so every query counts"),
        ("use the test set to pick the best", "which stays sealed"),
        ("stop after diagnosis and tell me if more images would help", "the run ends with its diagnosis"),
        ("fog photos", "No run can begin with this goal: no photo here shows 'fog'"),
        ("double night, skip tugs, why was round 1 rejected?", 'words that name nothing here: "double"'),
    ],
)
def test_goals_are_read_back_in_a_conversation(talk, goal: str, told: str) -> None:
    code, out = talk(goal)
    assert code == 0
    assert told in out
    can_start = told.startswith(("so every", "the run ends", "words"))
    assert ("Say yes to start" in out) is can_start


def test_without_a_goal_nothing_starts_and_hostile_words_are_harmless(talk) -> None:
    code, out = talk("yes", "\x1b[31mred\x1b[0m", "approve", "go on", "stop", "/undo", "/trace", "/help")
    assert code == 0
    assert "what should be found better?" in out
    assert "no protocol waits" in out
    assert "no run has started" in out
    assert "no run is working now" in out
    assert "nothing to undo" in out
    assert "/approve [N]" in out
    assert "\x1b" not in out
    assert "Resuming" not in out
    assert "Resuming" in talk()[1]
    assert "Resuming" not in talk(options=("--new",))[1]


def test_a_yes_after_the_run_is_done_says_why_nothing_starts(fabricated: Fabricated) -> None:
    workspace, planned = fabricated.workspace, RunPlan(text="night photos are not found", images=5)
    record = ChatRecord("chat-done", "photos", planned, started=True, run_id=fabricated.run_id)
    template = build_request(record.data, RunOptions(), workspace.folder)
    desk = ChatDesk(save_record(workspace, record), workspace, template, open_stderr_screen())
    with pytest.raises(ToolError, match="the run is finished"):
        desk.start(by_act=True, after_plan=True)


@pytest.mark.parametrize(
    ("options", "telling"),
    [
        (["chat"], "DATA is missing"),
        (["chat", "nowhere"], "there is no folder"),
        (["chat", "harbor-tiny", "--thread", "a/b"], "--thread"),
        (["chat", "harbor-tiny", "--planner", "openai:x"], "needs a key"),
    ],
)
def test_mistakes_are_one_line(options: list[str], telling: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == 2
    assert telling in capsys.readouterr().err
