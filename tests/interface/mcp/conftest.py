"""Real clients of the `mcp` package, and a server in this process over the fabricated workspace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio
import pytest
from mcp import Client
from mcp_types import CallToolResult

from atlantis_core.store.workspace import Workspace
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.mcp.desk import McpDesk
from atlantis_dml.mcp.server import AtlantisServer
from atlantis_dml.web.site import Site
from tests.interface.conftest import Fabricated, fabricate

Found = TypeVar("Found")

DATA = ("harbor-tiny",)


def open_desk(workspace: Workspace, **limits: Any) -> McpDesk:
    given = RunOptions(preset="smoke", **limits)
    site = Site(workspace, build_request("", given, workspace.folder), DATA)
    return McpDesk(site, given, workspace.folder, DATA)


@pytest.fixture(scope="module")
def fabricated(tmp_path_factory: pytest.TempPathFactory) -> Fabricated:
    """One workspace for all tests of a file: they only read it."""
    return fabricate(tmp_path_factory.mktemp("fabricated"))


@pytest.fixture
def desk(fabricated) -> McpDesk:
    return open_desk(fabricated.workspace, budget_images=20, rounds=2)


def talk(desk: McpDesk, say: Callable[[Client], Awaitable[Found]], **client: Any) -> Found:
    """Let a client talk with a server in this process."""

    async def connect() -> Found:
        async with Client(AtlantisServer(desk), **client) as connected:
            return await say(connected)

    return anyio.run(connect)


def text(answer: CallToolResult) -> str:
    (block,) = answer.content
    return block.text


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its facts."""
    answer = await client.call_tool(name, arguments)
    assert not answer.is_error, text(answer)
    facts: dict[str, Any] = answer.structured_content
    return facts


async def refusal(client: Client, name: str, **arguments: Any) -> str:
    """Call a tool that refuses and return its line."""
    answer = await client.call_tool(name, arguments)
    assert answer.is_error, text(answer)
    return text(answer)
