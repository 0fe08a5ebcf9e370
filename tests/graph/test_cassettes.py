"""Runs in which the model was played by hand: they stay within what was promised, and they drive the loop again."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from atlantis_dml.agents.client.recording import Recording, read_recording, write_recording
from atlantis_dml.cli.main import main

CASSETTES = Path(__file__).parents[1] / "cassettes"


def test_a_run_of_two_rounds_takes_few_calls_and_short_prompts() -> None:
    recording = read_recording(CASSETTES / "grocery81.json")
    calls = Counter(call["agent"] for call in recording.calls)
    assert calls["planner"] < 20
    assert set(calls) == {"planner", "insight", "protocol", "prompts", "critic"}
    assert max(call["reply"]["usage"]["input_tokens"] for call in recording.calls) <= 6000
    assert [answer["decision"] for answer in recording.approvals] == ["approve", "edit"]


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.json")), ids=lambda path: path.stem)
def test_a_cassette_holds_no_key(path: Path) -> None:
    assert "sk-" not in path.read_text()


@pytest.mark.slow
@pytest.mark.data
def test_grocery81_is_replayed_with_short_trainings(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recorded decisions on the real photos; three steps of training each stand in for minutes."""
    recording = read_recording(CASSETTES / "grocery81.json")
    weights = shared_data / "weights" / "mobilenetv2_100_imagenet_same_fp16.safetensors"
    spec = replace(
        recording.spec, preset="smoke", auto=True, data=str(shared_data / "grocery81"), weights=str(weights)
    )
    quick = tmp_path / "quick.json"
    write_recording(Recording(spec, recording.calls, ()), quick)
    assert main(["run", "--replay", str(quick), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert [entry["images"]["made"] for entry in done["rounds"]] == [200, 162]
    assert (done["stop_reason"], done["spent"]["tokens"]) == ("plateau", 0)
    objectives = [entry["protocol"]["objective"] for entry in done["rounds"]]
    assert all("visit" in objective for objective in objectives)


@pytest.mark.slow
def test_a_run_that_was_begun_in_a_chat_is_replayed_decision_by_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten of twelve images approved by a person, rolled back, the next protocol rejected."""
    assert main(["run", "--replay", str(CASSETTES / "harbor-tiny.json"), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["stop_reason"], done["spent"]["usd"]) == ("person", 0)
    first, second = done["rounds"]
    assert (first["images"]["made"], second["images"]["made"]) == (10, 0)
    assert first["critique"]["by"] == "openai:by-hand"
    assert second["protocol"]["reason"].startswith("Round 1 gained +0.125")


@pytest.mark.slow
@pytest.mark.data
def test_the_play_on_rare_classes_is_replayed_with_short_trainings(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A goal in German, two rounds, 12 calls: the serving that the model chose is proven again on real photos."""
    recording = read_recording(CASSETTES / "grocery81-rare.json")
    calls = Counter(call["agent"] for call in recording.calls)
    assert calls.total() <= 14
    assert sum(call["reply"]["usage"]["total_tokens"] for call in recording.calls) < 40_000
    rare = tmp_path / "rare"
    assert main(["scenario", "imbalanced", str(shared_data / "grocery81"), str(rare), "--keep", "2"]) == 0
    weights = shared_data / "weights" / "mobilenetv2_100_imagenet_same_fp16.safetensors"
    spec = replace(
        recording.spec, preset="smoke", seeds=1, max_seeds=None, data=str(rare), weights=str(weights), base_url=None
    )
    quick = tmp_path / "quick.json"
    write_recording(Recording(spec, recording.calls, ()), quick)
    capsys.readouterr()
    assert main(["run", "--replay", str(quick), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    first, second = done["rounds"]
    assert first["protocol"]["remedy"].startswith("serve:prototypes+csls")
    assert first["verdict"] == "proven"
    assert second["protocol"]["remedy"] == "paste:both", "as the model chose"
    assert done["spent"]["tokens"] == 0
