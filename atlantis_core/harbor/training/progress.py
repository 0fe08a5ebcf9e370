"""What the trainings of the bundled models print, and the machine they ran on."""

from __future__ import annotations

import os
import platform
import sys
import time

_last_printed = 0.0


def print_progress(what: str, done: int, total: int) -> None:
    """Print progress to stderr every 20 seconds."""
    global _last_printed  # noqa: PLW0603 (a terminal has one last line)
    if done == total or time.monotonic() - _last_printed > 20:
        _last_printed = time.monotonic()
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what} {done}/{total}\n")


def describe_machine(device: str) -> str:
    """Return the hardware a model was trained on, for its description."""
    if device == "cpu":
        return f"{platform.machine()}, {os.cpu_count()} CPU cores, no GPU"
    import torch

    return torch.cuda.get_device_name(device)
