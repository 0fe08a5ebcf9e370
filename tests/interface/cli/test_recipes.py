"""`atlantis recipes`, through the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlantis_dml.cli.main import main


@pytest.mark.slow
def test_recipes_are_trained_on_a_part_of_the_training_split_and_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["recipes", "harbor-tiny", "--preset", "smoke", "--preset", "smoke?steps=2&lr_head=0"]
    place = ["--backbone", "harbor-student", "--workspace", str(tmp_path / "w")]
    assert main([*words, *place, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["preset"] for row in found["recipes"]} == {"smoke", "smoke?steps=2&lr_head=0"}
    assert found["best"] == found["recipes"][0]["preset"]
    assert all(len(row["recalls"]) == 2 and row["error"] == "" for row in found["recipes"])
    assert found["queries"] > 0
    assert main([*words, *place]) == 0  # trained before: read again
    assert f"best: --preset '{found['best']}'" in capsys.readouterr().out


def test_a_recipe_that_watches_validation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["recipes", "harbor-tiny", "--preset", "smoke?validate_every=2", "--backbone", "harbor-student"]
    assert main([*words, "--workspace", str(tmp_path / "w")]) == 2
    assert "leave validate_every out" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "recipes", "diagnose"])
def test_only_a_run_chooses_its_recipe(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [command, "harbor-tiny", "--preset", "best", "--backbone", "harbor-student"]
    assert main([*words, "--workspace", str(tmp_path / "w")]) == 2
    assert "--preset best is for run, chat and serve; compare with `atlantis recipes DATA`" in capsys.readouterr().err
