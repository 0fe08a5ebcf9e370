"""Does `atlantis diagnose` list the planted gap first? On rendered harbor worlds: the figures of docs/results.md.

`python bench/gap_finder.py --worlds 0 1 2`. A world holds one gap (a condition x the eight classes of a vessel, 320
validation queries) and distractors: cells that are scarce but easy, and cells that are missed though not scarce.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from atlantis_core.harbor.planted import read_planted_gap
from atlantis_core.store.workspace import Workspace
from atlantis_dml.app.diagnose import diagnose_data
from atlantis_dml.app.request import RunOptions, build_request
from atlantis_dml.app.setup import find_data_folder

TOP = 8


def world_row(folder: Path, seed: int) -> dict[str, Any]:
    """Diagnose one world as `atlantis diagnose harbor:SEED` does, and say where its gap came."""
    data = f"harbor:{seed}"
    found = diagnose_data(build_request(data, RunOptions(), folder), folder, untrained=False, top=TOP)
    planted = set(read_planted_gap(find_data_folder(data, Workspace(folder))))
    label, _, condition = min(planted)
    cells = [(gap["class"], gap["facet"], gap["value"]) for gap in found["gaps"]]
    hits = [cell in planted for cell in cells]
    return {
        "world": data,
        "planted": f"{condition} x {label.split('-')[0]}",
        "first_listed": " ".join((cells[0][0], cells[0][2])),
        "first_is_planted": hits[0],
        "planted_among_top": sum(hits),
        "first_finding": found["findings"][0]["sentence"],
        "baseline_recall_at_1": found["measurement"]["recall_at"]["1"],
        "seconds": found["seconds"],
    }


def main() -> None:
    """Diagnose the worlds that were asked for and print a Markdown table; JSON goes to --out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worlds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--workspace", type=Path, default=Path("atlantis-workspace/results"))
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    rows = []
    print(f"| world | planted | listed first | planted? | planted among the first {TOP} |\n|" + " --- |" * 5)
    for seed in asked.worlds:
        rows.append(row := world_row(asked.workspace, seed))
        cells = (row["world"], row["planted"], row["first_listed"], "yes" if row["first_is_planted"] else "**no**")
        print("| " + " | ".join((*cells, str(row["planted_among_top"]))) + " |", flush=True)
    print(f"\nplanted gap first in {sum(row['first_is_planted'] for row in rows)} of {len(rows)} worlds")
    if asked.out:
        asked.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
