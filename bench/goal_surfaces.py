"""Goals driven as a person does: by the command line, on the web over HTTP, and by an MCP client over stdio."""

from __future__ import annotations

import contextlib
import html
import io
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import TextContent
from serving import serving

IMAGES = 8
QUICK = ("--preset", "smoke", "--backbone", "harbor-student", "--seeds", "1", "--remedies", "generate")
LIMITS = ("--budget-images", str(IMAGES), "--rounds", "1")
_PATIENCE_SECONDS = 300.0
_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where goals are driven."""

    workspace: Path
    options: tuple[str, ...]
    """Settings of the planner: none for rules."""


@dataclass(slots=True)
class Transcript:
    """What a person read about one goal."""

    lines: list[str] = field(default_factory=list)
    approved: bool = False
    """Whether a protocol was shown, and approved."""

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


Goals = Sequence[tuple[str, str]]
"""Pairs of collection and goal."""


def drive_terminal(goals: Goals, place: Place) -> list[Transcript]:
    """Run `atlantis run` for each goal, and `atlantis resume --approve` where a protocol waits."""
    return [_run_in_terminal(data, goal, place) for data, goal in goals]


def _run_in_terminal(data: str, goal: str, place: Place) -> Transcript:
    transcript, where = Transcript(), ("--workspace", str(place.workspace))
    code = _call_main(transcript, "run", data, "--goal", goal, *QUICK, *LIMITS, *place.options, *where)
    if code == 3 and (waiting := re.search(r"resume (\S+)", transcript.text)):
        transcript.approved = True
        _call_main(transcript, "resume", waiting[1], "--approve", *where)
    return transcript


def _call_main(transcript: Transcript, *arguments: str) -> int:
    from atlantis_dml.cli.main import main

    written, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO()  # nobody is asked, also where this runs in a terminal
    try:
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
            code = main(list(arguments))
    finally:
        sys.stdin = stdin
    transcript.lines += written.getvalue().splitlines()
    return code


def drive_web(goals: Goals, place: Place) -> list[Transcript]:
    """Say each goal in a conversation of its own, then the limits and yes; approve as the form does."""
    served = tuple(dict.fromkeys(data for data, _ in goals))
    with serving(place.workspace, *served, *QUICK, *place.options) as address:
        return [_ChatPage(address, data).pursue(goal) for data, goal in goals]


class _ChatPage:
    """The requests that the chat page sends."""

    def __init__(self, address: str, data: str) -> None:
        self._http, self._transcript = httpx.Client(base_url=address, timeout=60), Transcript()
        events = {one["api_name"]: one["id"] for one in self._http.get("/config").json()["dependencies"]}
        self._events, self._session = events, f"goals-{time.monotonic_ns()}"
        self._status, self._run, self._texts = "", "", [""]
        chat = self._send("create", data)["data"][0]
        opened = {"data": [], "fn_index": events["open"], "session_hash": self._session}
        self._http.post("/gradio_api/queue/join", params={"chat": chat}, json=opened)
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as stream:
            next(line for line in stream.iter_lines() if "process_completed" in line)

    def pursue(self, goal: str) -> Transcript:
        """Say a goal and what follows from the plan; return what the page has shown."""
        self._say(goal)
        if self._status == "planned":
            self._say(f"{IMAGES} images and 1 round")
            self._say("yes")
            self._until(lambda: self._status in {"planned", "waiting", "done"})
        if self._status == "waiting":
            question = self._http.get(f"/data/runs/{self._run}/question").json()["question"]
            self._transcript.lines += [str(question["protocol"]["objective"])]
            answer = {
                "decision": "approve",
                "protocol_id": question["protocol"]["id"],
                "protocol_hash": question["hash"],
            }
            self._transcript.approved = self._http.post(f"/data/runs/{self._run}/answer", json=answer).is_success
            self._until(lambda: self._status == "done")
        self._transcript.lines += self._texts
        self._http.close()
        return self._transcript

    def _say(self, line: str) -> None:
        said = sum(text == line for text in self._texts)
        self._send("say", None, line)
        self._until(lambda: sum(text == line for text in self._texts) > said and self._texts[-1] != line)

    def _until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            is_quiet = self._poll()
            if is_quiet and holds():
                return
            if time.monotonic() > end:
                raise TimeoutError(f"the page still shows: {self._texts[-3:]}")
            time.sleep(_EVERY_SECONDS)

    def _poll(self) -> bool:
        """Read what has changed; return whether no answer is being prepared."""
        messages, status, _ = self._send("poll", None, None)["data"]
        if isinstance(messages, list):
            self._texts = [html.unescape(one["content"][0]["text"]) for one in messages]
        shown = status if isinstance(status, str) else ""
        if found := re.search(r'data-status="(\w*)" data-run="([\w-]*)">(\w+)', shown):
            self._status, self._run = found[1], found[2]
            self._quiet = found[3] != "Answering"
        return self._quiet

    _quiet = True

    def _send(self, event: str, *data: Any) -> Any:
        asked = {"data": list(data), "fn_index": self._events[event], "session_hash": self._session}
        return self._http.post("/gradio_api/run/predict", json=asked).raise_for_status().json()


def drive_mcp(goals: Goals, place: Place) -> list[Transcript]:
    """Let the official client start each goal over stdio, wait, approve and read the report."""
    served = tuple(dict.fromkeys(data for data, _ in goals))
    command = ["-m", "atlantis_dml.cli", "mcp", *served, *QUICK, *LIMITS, *place.options]
    server = StdioServerParameters(
        command=sys.executable, args=[*command, "--workspace", str(place.workspace)], env=_environment()
    )

    async def talk() -> list[Transcript]:
        async with Client(stdio_client(server), mode="legacy") as client:
            return [await _pursue(client, data, goal) for data, goal in goals]

    return anyio.run(talk)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("OPENAI_", "OMP_", "PYTHON"))}


async def _pursue(client: Client, data: str, goal: str) -> Transcript:
    transcript = Transcript()

    async def call(name: str, **arguments: Any) -> dict[str, Any]:
        answer = await client.call_tool(name, arguments)
        transcript.lines += [block.text for block in answer.content if isinstance(block, TextContent)]
        return {} if answer.is_error else dict(answer.structured_content or {})

    async def rest(run: str) -> dict[str, Any]:
        with anyio.fail_after(_PATIENCE_SECONDS):
            while (state := await call("wait_run", run=run, seconds=20))["status"] == "running":
                pass
        return state

    state = await call("start_run", data=data, goal=goal, images=IMAGES, rounds=1)
    if not state:
        return transcript
    state = await rest(state["run_id"])
    if state["protocol"]:
        transcript.approved = True
        await call("approve", run=state["run_id"], protocol_hash=state["protocol"]["hash"], by="Ann")
        state = await rest(state["run_id"])
    await call("report", run=state["run_id"])
    return transcript
