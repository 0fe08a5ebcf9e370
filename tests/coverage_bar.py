"""Hold coverage of the rooms that must be proven against their bar: `python coverage_bar.py coverage.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

BAR_PERCENT = 90.0
ROOMS = {
    "atlantis_core": ("atlantis_core/",),
    "graph": ("graph/", "atlantis_dml/graph/"),
    "tools": ("tools/", "atlantis_dml/tools/"),
}


def share(files: dict[str, dict[str, dict[str, float]]], folders: tuple[str, ...]) -> float:
    """Return the percentage of lines and branches run in the files under any of the folders."""
    ran = wanted = 0.0
    for name, file in files.items():
        path = name.split("__editable__.", 1)[-1].split("/", 1)[-1] if "__editable__" in name else name
        if path.startswith(folders):
            figures = file["summary"]
            ran += figures["covered_lines"] + figures["covered_branches"]
            wanted += figures["num_statements"] + figures["num_branches"]
    return 100 * ran / wanted if wanted else 0.0


def main(report: Path) -> int:
    """Print each room's share; return 1 when one is under the bar."""
    files = json.loads(report.read_text())["files"]
    shares = {room: share(files, folders) for room, folders in ROOMS.items()}
    for room, percent in shares.items():
        print(f"coverage of {room}: {percent:.1f} % (bar {BAR_PERCENT:g} %)")  # noqa: T201
    return int(any(percent < BAR_PERCENT for percent in shares.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
