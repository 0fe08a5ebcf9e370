"""The server over HTTP: a real client on this machine, and nothing for strangers."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient
from mcp import Client

from atlantis_dml.cli.main import main
from atlantis_dml.mcp.serving import make_http_app

ATLANTIS = Path(sys.executable).with_name("atlantis")
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
JSON = {"Accept": "application/json, text/event-stream"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:7870"},
        {"Host": "192.168.0.7:7870"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
    ],
)
def test_other_hosts_and_pages_of_other_sites_are_refused(desk, headers: dict[str, str]) -> None:
    with TestClient(make_http_app(desk), base_url="http://127.0.0.1:7870") as client:
        answer = client.post("/mcp", json=LIST, headers=JSON | headers)
    assert answer.status_code == 403
    assert "only from its own pages on this machine" in answer.json()["error"]


def test_what_cannot_be_served_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main(["mcp", "--http", str(port)]) == 2
        assert capsys.readouterr().err.startswith(f"port {port} cannot be used: ")
    assert main(["mcp", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("there is no folder 'nowhere'")
    assert main(["mcp", "--http", "0.0.0.0:7870"]) == 2
    assert "on 127.0.0.1 only" in capsys.readouterr().err


@pytest.mark.slow
def test_a_client_lists_tools_over_loopback(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [ATLANTIS, "mcp", "--http", "0", "--workspace", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    address = next(found[0] for line in server.stderr if (found := re.search(r"http://\S+/mcp", line)))
    assert address.startswith("http://127.0.0.1:")

    async def ask() -> tuple[list[str], Any]:
        async with Client(address) as client:
            tools = await client.list_tools()
            return [tool.name for tool in tools.tools], await client.call_tool("list_runs", {})

    try:
        names, runs = anyio.run(ask)
    finally:
        server.send_signal(signal.SIGINT)
        rest = server.communicate(timeout=60)[1]
    assert "start_run" in names
    assert runs.structured_content == {"runs": [], "older": 0}
    assert "Traceback" not in rest
