"""Progress notifications while a tool works; a client that asked for none gets none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from atlantis_dml.mcp.parameters import Caller
    from atlantis_dml.web.live_conversation import QuietScreen

EVERY_SECONDS = 0.5

Found = TypeVar("Found")


class Notifier:
    """Tells a client what is being done, whenever that changes."""

    def __init__(self, context: Caller) -> None:
        self._context, self._last, self._count = context, "", 0

    async def notify(self, doing: str) -> None:
        """Send one notification, unless it would repeat the last one."""
        if doing and doing != self._last:
            self._last, self._count = doing, self._count + 1
            await self._context.report_progress(self._count, message=doing)


async def work_in_thread(context: Caller, screen: QuietScreen, work: Callable[[], Found]) -> Found:
    """Do long work in a thread, and report what its screen shows; a client that gives up stops it."""
    reporting = asyncio.create_task(_report(Notifier(context), screen))
    try:
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        screen.stop.request()
        raise
    finally:
        reporting.cancel()


async def _report(notifier: Notifier, screen: QuietScreen) -> None:
    while True:
        await notifier.notify(screen.activity())
        await anyio.sleep(EVERY_SECONDS)
