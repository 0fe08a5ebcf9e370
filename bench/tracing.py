"""What traces cost a demo run: `python bench/tracing.py` runs one with export to MLflow, and counts.

Counted inside the code: seconds in the event log's writes, whatever they wait for, and processor seconds of the
thread that exports, import of MLflow included. The demo takes minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ALLOWED_PERCENT = 3.0


def demo_with_export(folder: Path) -> dict[str, Any]:
    """Run the demo in a workspace of its own; return its summary."""
    atlantis = str(Path(sys.executable).with_name("atlantis"))
    command = [atlantis, "demo", "--trace", "mlflow", "--json", "--workspace", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603 (our own command)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def costs(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return seconds by what they went into, and `percent` of the run's."""
    spent, whole = summary["trace"], summary["demo_seconds"]
    parts = {name: spent[name] for name in ("write_seconds", "export_cpu_seconds")}
    together = {"together": sum(parts.values()), "demo_seconds": whole}
    return (
        parts | together | {"percent": 100 * sum(parts.values()) / whole, "waited_seconds": spent["waited_seconds"]}
    )


def main() -> int:
    """Print the costs; 1 where they are more than is allowed."""
    with tempfile.TemporaryDirectory() as folder:
        summary = demo_with_export(Path(folder))
        sent = summary["trace"]["sent"]
        found = costs(summary)
        print(f"{sent['spans']} spans and {sent['trials']} trials of run {summary['run_id']}")
        for name, value in found.items():
            print(f"{name:>20}: {value:8.2f}")
    return int(found["percent"] > ALLOWED_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
