"""Exit codes and messages, through the command itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from atlantis_core.base.errors import ProviderUnavailable
from atlantis_core.learning.training.presets import AUTO, PRESETS
from atlantis_dml.app.output import report_errors
from atlantis_dml.cli.main import main
from tests.interface.conftest import Fabricated, begin, write_picture


def _classes(folder: Path, names: tuple[str, ...], pictures: int = 6) -> Path:
    for place, name in enumerate(names):
        for number in range(pictures):
            write_picture(folder / name / f"{number}.png", place * 100 + number)
    return folder


def _run(*arguments: str) -> list[str]:
    return ["run", *arguments, "--backbone", "harbor-student"]


def test_help_answers_at_once_and_loads_nothing_heavy() -> None:
    heavy = ("torch", "langgraph", "sqlalchemy", "timm", "kornia", "langchain_core", "pydantic_settings", "sklearn")
    code = (
        "import sys\n"
        "from atlantis_dml.cli.main import main\n"
        "code = main(['--help'])\n"
        f"print('LOADED', [name for name in {heavy!r} if name in sys.modules])\n"
        "sys.exit(code)"
    )
    started = time.process_time()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.process_time() - started < 1
    assert "Commands:" in done.stdout
    assert "LOADED []" in done.stdout


def test_help_names_every_preset_that_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in (AUTO, *PRESETS) if f"{name}|" not in shown and f"|{name}" not in shown] == []


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (_run("/no/such/folder", "--goal", "x"), "'/no/such/folder'"),
        (_run("harbor:x", "--goal", "x"), "'harbor:x'"),
        (_run("", "--goal", "x"), "DATA is empty"),
        (_run("harbor-tiny", "--goal", "  "), "the goal is empty"),
        (_run("harbor-tiny", "--goal", "x", "--planner", "oracle"), "'oracle'"),
        (_run("harbor-tiny", "--goal", "x", "--planner", "openai:gpt"), "OPENAI_API_KEY"),
        (_run("harbor-tiny", "--goal", "x", "--captioner", "openai:gpt"), "OPENAI_API_KEY"),
        (_run("harbor-tiny", "--goal", "x", "--captioner", "poet"), "'poet'"),
        (_run("harbor-tiny", "--goal", "x", "--generator", "painter"), "'painter'"),
        (_run("harbor-tiny", "--goal", "x", "--scorer", "critic"), "'critic'"),
        (_run("harbor-tiny", "--goal", "x", "--captioner", "json:JSONEncoder"), "has no caption, name, recognises"),
        (_run("harbor-tiny", "--goal", "x", "--generator", "math:pi"), "generator 'math:pi' is not a class"),
        (_run("harbor-tiny", "--goal", "x", "--scorer", "json:JSONEncoder"), "'json:JSONEncoder' has no fit, name"),
        (_run("harbor-tiny", "--goal", "x", "--preset", "tpu"), "'tpu'"),
        (_run("harbor-tiny", "--goal", "x", "--regime", "heard"), "'heard'"),
        (_run("harbor-tiny", "--goal", "x", "--spread", "wide"), "'wide'"),
        (_run("harbor-tiny", "--goal", "x", "--attack", "melt"), "attack must be one of fgsm, pgd, not 'melt'"),
        (_run("harbor-tiny", "--goal", "x", "--epsilon", "2"), "epsilon 2.0 has no effect without an attack"),
        (_run("harbor-tiny", "--goal", "attacked queries", "--epsilon", "300"), "epsilon must be from 0 to 255"),
        (("recipes", "harbor-tiny", "--preset", "tpu"), "'tpu'"),
        (_run("harbor-tiny", "--goal", "x", "--masks", "/no/masks"), "folder '/no/masks' of masks does not exist"),
        (
            _run("harbor-tiny", "--goal", "x", "--masks", "docs/pictures", "--remedies", "serve"),
            "has no effect where no object is cut out",
        ),
        (
            _run("harbor-tiny", "--goal", "x", "--masks", "docs/pictures", "--generator", "cut_paste:?masks=docs"),
            "names masks already",
        ),
        (_run("harbor-tiny", "--goal", "x", "--masks", "docs/pictures"), "is named like a training photo"),
        (_run("harbor-tiny", "--goal", "x", "--pool", "/no/photos"), "pool folder '/no/photos' does not exist"),
        (_run("harbor-tiny", "--goal", "x", "--answers", "/no/answers.csv"), "name its folder with --pool FOLDER"),
        (_run("harbor-tiny", "--goal", "x", "--questions", "0"), "--questions 0 is too small"),
        (_run("harbor-tiny", "--goal", "x", "--seeds", "0"), "seeds 0"),
        (_run("harbor-tiny", "--goal", "x", "--seed", "-1"), "seed -1"),
        (_run("harbor-tiny", "--goal", "x", "--rounds", "0"), "rounds 0"),
        (_run("harbor-tiny", "--goal", "x", "--planner", "openai:m", "--base-url", "notaurl"), "'notaurl'"),
        (_run("harbor-tiny", "--goal", "x", "--planner", "openai:m", "--base-url", "http://u:p@h/v1"), "'h'"),
        (_run("harbor-tiny", "--goal", "x", "--budget-images", "-1"), "--budget-images -1"),
        (_run("harbor-tiny", "--goal", "x", "--query", "visit"), "'visit'"),
        (_run("harbor-tiny", "--goal", "x", "--gallery", "=2"), "'=2'"),
        (_run("harbor-tiny", "--goal", "x", "--facets", ","), "','"),
        (["run", "harbor-tiny", "--goal", "x", "--backbone", "no_such_net"], "'no_such_net'"),
        (["run", "harbor-tiny", "--goal", "x", "--weights", "/no/file.safetensors"], "/no/file.safetensors"),
        (["run", "harbor-tiny"], "--goal"),
        (["run", "harbor-tiny", "--goal", "x", "--seeds", "two"], "--seeds"),
        (["bogus"], "bogus"),
        (["evaluate", "harbor-student", "harbor-tiny", "--split", "test"], "sealed"),
        (["evaluate", "harbor-student", "harbor-tiny", "--split", "train"], "'train'"),
        (["evaluate", "", "harbor-tiny"], "MODEL is empty"),
        (["evaluate", "harbor-student", "harbor-tiny", "--query", "visit=1", "--query", "light=night"], "'--query'"),
        (["plot", "map", "harbor-student", "harbor-tiny", "--out", "a.svg", "--out", "b.svg"], "it is given twice"),
        (["scenario", "zero-shot", "a", "b", "--split", "x", "--split-column", "y"], "it is given twice"),
        (["diagnose", "/no/such/folder"], "'/no/such/folder'"),
        (["diagnose", "harbor-tiny", "--captioner", "openai:m", "--base-url", "notaurl"], "'notaurl'"),
        (["runs"], "no workspace"),
        (["trace", "last"], "no workspace"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_culprit(
    arguments: list[str], culprit: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(arguments) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.err.count("\n") == 1
    assert answered.out == ""
    assert not (tmp_path / "workspace" / "atlantis.db").exists(), "nothing was begun"


def test_with_json_a_mistake_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["bogus", "--json"], ["runs", "--json"], [*_run("/no/such", "--goal", "x"), "--json"]):
        assert main(arguments) == 2
        assert json.loads(capsys.readouterr().out).keys() == {"error"}


@pytest.mark.parametrize(
    ("names", "pictures", "culprit"),
    [((), 0, "no class"), (("only",), 6, "only one class, 'only'"), (("a", "b"), 1, "needs a positive")],
)
def test_a_collection_of_no_use_is_refused(
    names: tuple[str, ...], pictures: int, culprit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    assert main(_run(str(_classes(folder, names, pictures)), "--goal", "x")) == 2
    answered = capsys.readouterr()
    assert culprit in answered.err
    assert answered.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["diagnose"], ["run", "--goal", "x"]])
def test_data_of_no_use_is_refused_before_torch_loads(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from atlantis_dml.cli.main import main\n"
        f"code = main([*{arguments!r}, {str(tmp_path)!r}])\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no classes" in done.stderr
    assert done.stdout == "2 False\n"


def test_unreadable_images_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "broken.jpg").write_bytes(b"not a photo")
    assert main(_run(str(tmp_path / "photos"), "--goal", "x")) == 2
    assert "broken.jpg" in capsys.readouterr().err


def test_an_unknown_run_lists_those_there_are(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nonsense"]) == 2
    answered = capsys.readouterr().err
    assert "'nonsense'" in answered
    assert fabricated.run_id in answered


def test_runs_are_listed(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert (found["run_id"], found["status"]) == (fabricated.run_id, "done")
    assert main(["runs"]) == 0
    assert "budget_spent" in capsys.readouterr().out


def test_a_killed_run_is_listed_as_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = begin(tmp_path)  # marked running, and no process holds it

    def status(*command: str) -> str:
        assert main([*command, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        return (found["runs"][0] if "runs" in found else found)["status"]

    with session.workspace.lock(session.run_id):
        assert status("runs") == status("report", "last") == "running"
    assert status("runs") == status("report", "last") == "stopped"
    assert main(["runs"]) == 0
    assert "stopped" in capsys.readouterr().out
    assert main(["report", "last"]) == 0
    assert "The run is stopped (its process is gone; `atlantis resume`" in capsys.readouterr().out


def test_report_prints_the_summary(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", fabricated.run_id[:10], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["report_path"]).is_file()
    assert main(["report", "last"]) == 0
    shown = capsys.readouterr().out
    assert "R@1 rose from 0.500 to 0.833" in shown
    assert "0.500 -> 0.833" in shown


def test_resuming_a_finished_run_prints_it_again(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stop_reason"] == "budget_spent"
    assert main(["resume", "last", "--approve"]) == 2
    assert "waits for no approval" in capsys.readouterr().err


def test_an_edited_protocol_for_a_finished_run_is_not_read(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = fabricated.workspace.journal.read(fabricated.run_id, 1, "protocol")
    assert protocol is not None
    protocol["cells"][0]["count"] = 20  # more than the run had left
    (tmp_path / "edited.json").write_text(json.dumps(protocol))
    assert main(["resume", "last", "--edit", str(tmp_path / "edited.json")]) == 2
    assert "is done and waits for no approval" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--approve", "--reject"], "only one of --approve"),
        (["--approve", "--stop"], "only one of --approve"),
        (["--respond", "less fog", "--reject"], "only one of --approve"),
        (["--respond", " "], "says nothing"),
        (["--edit", "/no/such.json"], "'/no/such.json'"),
        (["--approve"], "waits for no approval"),
    ],
)
def test_an_answer_that_cannot_be_used_changes_nothing(
    arguments: list[str], culprit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = begin(tmp_path)
    if culprit == "waits for no approval":
        session.workspace.runs.mark(session.run_id, "done")
    assert main(["resume", session.run_id, *arguments]) == 2
    assert culprit in capsys.readouterr().err


def test_version_and_bare_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "0.1.0\n"
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_doctor_never_shows_the_key(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = main(["doctor", "--json", "--base-url", "http://127.0.0.1:9"])
    answered = capsys.readouterr()
    assert "sk-secret" not in answered.out + answered.err
    found = {check["name"]: check for check in json.loads(answered.out)["checks"]}
    assert found["import timm"]["ok"]
    assert found["bundled student"]["ok"]
    assert found["workspace"]["ok"]
    assert found["provider key"]["found"] == "yes"
    assert not found["provider"]["ok"], "nothing listens there"
    assert code == 2


def test_doctor_says_what_must_be_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "no-key"))
    assert main(["doctor", "--workspace", str(tmp_path / "file" / "inside")]) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert "FAILS workspace" in shown
    assert "FAILS provider key" in shown


def test_an_unexpected_error_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), report_errors(as_json=True):
        raise ZeroDivisionError


def test_a_provider_that_fails_is_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as exit_, report_errors(as_json=True):
        raise ProviderUnavailable("the provider refuses the key\x1b[31m")
    answered = capsys.readouterr()
    assert exit_.value.exit_code == 3
    assert "\x1b" not in answered.err
    assert json.loads(answered.out)["error"].startswith("the provider refuses the key")


def test_ctrl_c_is_exit_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as exit_, report_errors(as_json=False):
        raise KeyboardInterrupt
    assert exit_.value.exit_code == 130
    assert capsys.readouterr().err == "interrupted\n"
