"""`atlantis serve` as a process of its own, and Chromium to look at it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)


@contextmanager
def serving(workspace: Path, *options: str) -> Iterator[str]:
    """Start a server on a free port; give its address; end it as Ctrl-C would."""
    command = [
        sys.executable,
        "-m",
        "atlantis_dml.cli",
        "serve",
        *options,
        "--port",
        "0",
        "--workspace",
        str(workspace),
    ]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:  # noqa: S603 (our own)
        said: list[str] = []
        assert server.stderr
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"open (http://127\.0\.0\.1:\d+)/", line):
                break
        else:
            raise AssertionError(f"the server did not start: {''.join(said)}")
        try:
            yield found[1]
        finally:
            server.send_signal(2)
            rest = server.communicate(timeout=60)[1]
            assert "Traceback" not in rest, rest


@contextmanager
def looking() -> Iterator[Any]:
    """Start Chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
