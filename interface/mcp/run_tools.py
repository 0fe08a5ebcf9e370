"""Tools that start a run, follow it, and pass a person's decisions on."""

from __future__ import annotations

import time
from typing import Annotated, Any

import anyio
import anyio.to_thread
from mcp_types import CallToolResult
from pydantic import Field

from atlantis_core.base.text import quote
from atlantis_dml.app.run import create_run
from atlantis_dml.mcp.parameters import Caller, Data, RunId, find_desk, give_answer, quote_line
from atlantis_dml.mcp.progress import EVERY_SECONDS, Notifier, work_in_thread
from atlantis_dml.mcp.run_state import StateAnswer, answer_state
from atlantis_dml.web.live_conversation import QuietScreen

_LONGEST_WAIT_SECONDS = 600
_MOST_RUNS = 50

Goal = Annotated[str, Field(description="What should be found better, in the person's words.")]
Images = Annotated[int | None, Field(gt=0, description="Most images to generate, as the person said.")]
Usd = Annotated[float | None, Field(gt=0, description="Most dollars for chat models, as the person said.")]
Rounds = Annotated[int | None, Field(ge=1, description="Most rounds; without it 3.")]


async def start_run(
    context: Caller, data: Data, goal: Goal, images: Images = None, usd: Usd = None, rounds: Rounds = None
) -> StateAnswer:
    """Start a run that improves image search on a collection, in the background.

    It trains a baseline, finds gaps and drafts a protocol; then it waits for a person's approval before any image is
    generated, in every round. Ask the person for goal and limits first, and diagnose before that. Follow it with
    wait_run.
    """
    desk, screen = find_desk(context), QuietScreen()
    request = desk.build_request(data, goal, images, usd, rounds)
    run, lines = await work_in_thread(
        context, screen, lambda: create_run(request, desk.site.workspace, screen.progress)
    )
    desk.site.steering.start(run.id)
    return await anyio.to_thread.run_sync(
        lambda: answer_state(desk, run.id, f"run {run.id} has started", *map(quote_line, lines))
    )


def run_status(context: Caller, run: RunId) -> StateAnswer:
    """Show where a run stands: status, what it is doing, verdicts on its rounds, and the protocol that waits."""
    return answer_state(find_desk(context), run)


async def wait_run(
    context: Caller,
    run: RunId,
    seconds: Annotated[int, Field(ge=1, le=_LONGEST_WAIT_SECONDS, description="Wait at most so long.")] = 50,
) -> StateAnswer:
    """Wait until a run is done, paused or waits for approval, or the time is over; then show where it stands.

    A run takes minutes: call it again while the status is `running`. Sends progress notifications.
    """
    desk, notifier, end = find_desk(context), Notifier(context), time.monotonic() + seconds
    steering = desk.site.steering
    while time.monotonic() < end and await anyio.to_thread.run_sync(steering.read_status, run) == "running":
        await notifier.notify(steering.describe_activity(run)[0])
        await anyio.sleep(EVERY_SECONDS)
    return await anyio.to_thread.run_sync(answer_state, desk, run)


def resume(context: Caller, run: RunId) -> StateAnswer:
    """Continue a run that is paused, stopped or failed; finished work is not done again.

    A run that waits for approval is not paused: it goes on with approve, edit, respond or reject.
    """
    desk = find_desk(context)
    return answer_state(desk, run, desk.site.steering.resume(run))


def stop(context: Caller, run: RunId) -> StateAnswer:
    """Pause a run that this server works on, at its next step; resume continues it."""
    desk = find_desk(context)
    return answer_state(desk, run, desk.site.steering.stop(run))


def list_runs(context: Caller) -> CallToolResult:
    """List the runs of the workspace, newest first, also those that were started elsewhere."""
    found = find_desk(context).site.list_runs()
    shown: list[dict[str, Any]] = [
        {"run_id": run.id, "status": status, "data": run.spec.data, "goal": run.spec.goal.text}
        for run, status in found[:_MOST_RUNS]
    ]
    lines = [
        f"{one['run_id']}: {one['status']}, data {quote(one['data'])}, goal {quote(one['goal'])}" for one in shown
    ]
    lines += [f"and {len(found) - len(shown)} older ones"] if len(found) > len(shown) else []
    return give_answer(lines or ["no runs yet"], {"runs": shown, "older": len(found) - len(shown)})
