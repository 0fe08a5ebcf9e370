"""`atlantis trace`: the tree, and one step of it in full."""

from __future__ import annotations

import json

import pytest

from atlantis_dml.cli.main import main
from tests.interface.conftest import HOSTILE, Fabricated, write_prompts


def test_trace_is_a_tree(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "last", "--json"]) == 0
    root = json.loads(capsys.readouterr().out)
    wanted = {"name", "kind", "started", "seconds", "input", "output", "tokens", "usd", "children"}
    assert root.keys() >= wanted
    assert [node["kind"] for node in root["children"]] == ["planner", "judge"] * 2
    assert [node["name"] for node in root["children"][0]["children"]] == ["generate_images", "train_retriever"]
    assert root["tokens"] == 140
    assert main(["trace", "last"]) == 0
    shown = capsys.readouterr().out
    assert "reason: Make [bold]images[/bold]." in shown, "a reason is text, never markup"
    assert 'arguments: arm="candidate"' in shown
    assert HOSTILE in shown


def test_one_step_of_a_trace(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "last", "--step", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "judge"
    assert main(["trace", "last", "--step", "9"]) == 2
    assert "steps 1 to 4, not 9" in capsys.readouterr().err


def test_a_step_in_full_has_every_prompt(fabricated: Fabricated, capsys: pytest.CaptureFixture[str]) -> None:
    write_prompts(fabricated, ("a tug", "a tug in close up"))
    assert main(["trace", "last"]) == 0
    assert "close up" not in capsys.readouterr().out
    assert main(["trace", "last", "--step", "1"]) == 0
    assert "prompt for tug, light=night: a tug in close up" in capsys.readouterr().out
    assert main(["trace", "last", "--json"]) == 0
    assert "a tug in close up" in capsys.readouterr().out
