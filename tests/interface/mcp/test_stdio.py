"""A real client of the `mcp` package drives a run of `atlantis mcp` over stdin and stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client

from atlantis_core.store.workspace import Workspace
from tests.interface.mcp.conftest import call, refusal

ATLANTIS = str(Path(sys.executable).with_name("atlantis"))
QUICK = ["--preset", "smoke", "--seeds", "1", "--remedies", "generate", "--budget-images", "20"]
GOAL = "night photos of trawler-red-white are not found"


async def wait(client: Client, run: str, shown: list[str]) -> dict[str, Any]:
    """Wait until the run rests; collect the progress that the client is told."""

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        shown.append(message or "")

    while True:
        answer = await client.call_tool("wait_run", {"run": run, "seconds": 20}, progress_callback=hear)
        facts: dict[str, Any] = answer.structured_content
        if facts["status"] != "running":
            return facts


async def drive(client: Client, workspace: Path) -> str:
    """Diagnose, start, be refused with a stale hash, approve, wait, report, search; return the run's id."""
    assert "Only the person approves" in (client.instructions or "")
    names = {tool.name for tool in (await client.list_tools()).tools}
    assert {"diagnose", "start_run", "wait_run", "approve", "edit", "reject", "report", "trace", "search"} <= names

    diagnosis = await call(client, "diagnose", data="harbor-tiny", train=False)
    assert diagnosis["counts"]["train"] == 81
    assert {gap["value"] for gap in diagnosis["gaps"]} == {"night"}

    assert "at most 20" in await refusal(client, "start_run", data="harbor-tiny", goal=GOAL, images=21)
    run = (await call(client, "start_run", data="harbor-tiny", goal=GOAL, images=8, rounds=1))["run_id"]
    shown: list[str] = []
    waiting = await wait(client, run, shown)
    assert waiting["status"] == "waiting"
    assert waiting["protocol"]["images"] == 8
    assert any(shown)

    right = waiting["protocol"]["hash"]
    stale = "0" * len(right)
    assert "nothing was answered" in await refusal(client, "approve", run=run, protocol_hash=stale, by="Ann")
    assert (await call(client, "run_status", run=run))["status"] == "waiting"
    await call(client, "approve", run=run, protocol_hash=right, by="Ann")
    done = await wait(client, run, shown)
    assert done["status"] == "done"
    assert "no protocol waits" in await refusal(client, "approve", run=run, protocol_hash=right, by="Ann")

    report = await call(client, "report", run=run)
    assert report["rounds"][0]["images"]["made"] == 8
    assert report["spent"]["images"] == 8
    found = await call(client, "trace", run=run, words='over MCP by "Ann"')
    assert [step["title"].split()[:2] for step in found["steps"]] == [["approval", "approve"]]
    image = next(workspace.glob("objects/**/*.png")).stem
    origin = await call(client, "trace", run=run, image=image[:12])
    assert (origin["image"]["key"], origin["uses"][0]["round"]) == (image, 1)
    photo = str(next(workspace.glob("collections/**/*.png")))
    first = (await call(client, "search", image=photo, run=run, top=3))["results"][0]
    assert (await call(client, "search", image=first["path"], run=run, top=3))["results"][0]["id"] == first["id"]
    return str(run)


@pytest.mark.slow
def test_a_client_drives_a_run_over_stdio(tmp_path: Path) -> None:
    workspace, log = tmp_path / "workspace", tmp_path / "server.log"
    arguments = ["mcp", "harbor-tiny", *QUICK, "--workspace", str(workspace)]
    server = StdioServerParameters(command=ATLANTIS, args=arguments, env={"OMP_NUM_THREADS": "2"})

    async def talk() -> str:
        with log.open("w") as errors:
            async with Client(stdio_client(server, errlog=errors), mode="legacy") as client:
                return await drive(client, workspace)

    run_id = anyio.run(talk)
    assert "Traceback" not in log.read_text()
    store = Workspace(workspace)
    run = store.runs.get(run_id)
    assert (run.status, run.spec.auto, run.spec.goal.text) == ("done", False, GOAL)
    (approval,) = store.events.of_kind(run_id, "approval")
    assert approval["output"]["by"] == 'over MCP by "Ann"'
