"""A run killed in the middle of making images ends, once resumed, as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ATLANTIS = Path(sys.executable).with_name("atlantis")
RUN = ("--goal", "mend it", "--preset", "smoke", "--budget-images", "160", "--rounds", "1", "--auto", "--json")


def atlantis(*arguments: str) -> dict[str, Any]:
    done = subprocess.run([ATLANTIS, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def made(workspace: Path) -> dict[str, tuple[int, int]]:
    """Made image -> inode and time of writing: an image made again would have others."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (workspace / "objects").rglob("*.png")
    }


def numbers(summary: dict[str, Any]) -> Any:
    rounds = [{key: value for key, value in one.items() if key != "seconds"} for one in summary["rounds"]]
    rounds = [one | {"pilots": [pilot | {"seconds": 0} for pilot in one["pilots"]]} for one in rounds]
    spent = {key: value for key, value in summary["spent"].items() if key != "seconds"}
    return rounds, summary["final"], summary["baseline"], summary["frozen"], summary["stop_reason"], spent


@pytest.mark.slow
def test_sigkill_while_making_images_then_resume(tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    undisturbed = atlantis("run", "harbor-tiny", *RUN, "--workspace", str(calm))

    process = subprocess.Popen(
        [ATLANTIS, "run", "harbor-tiny", *RUN, "--workspace", str(killed)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while len(made(killed)) < 20:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = made(killed)
    assert 20 <= len(before) < 160, "killed in the middle of making"

    (listed,) = atlantis("runs", "--json", "--workspace", str(killed))["runs"]
    assert listed["status"] == "stopped"
    resumed = atlantis("resume", "last", "--json", "--workspace", str(killed))
    after = made(killed)
    assert {name: after[name] for name in before} == before, "no image was made twice"
    assert after.keys() == made(calm).keys()
    assert numbers(resumed) == numbers(undisturbed)
    assert resumed["spent"]["images"] == 160
