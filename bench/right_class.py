"""What the filters are good for: shares of synthetic images that show the right class, before and after them.

`python bench/right_class.py --work FOLDER --workspace WORKSPACE RUN`, for a run on a harbor world whose images were
drawn. The judge is the independent classifier of `atlantis_core.harbor.training.painter.examiner`;
FOLDER has its checkpoint.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from atlantis_core.base.parallel import best_device
from atlantis_core.harbor.training.painter.examiner import STEPS, Examiner, train_examiner
from atlantis_core.harbor.vocabulary import VesselClass
from atlantis_core.records import Candidate
from atlantis_core.store.workspace import Workspace


def line(name: str, made: Sequence[Candidate], examiner: Examiner) -> str:
    """Return a table row of what the examiner sees in synthetic images."""
    if not made:
        return f"| {name} | 0 | | | |"
    images = np.stack([np.asarray(Image.open(one.path).convert("RGB")) for one in made])
    shown = [(VesselClass.from_label(one.cell.class_name), one.cell.value) for one in made]
    marks = examiner.marks(images, shown)
    shares = (marks.condition, marks.vessel, marks.class_right)
    return f"| {name} | {len(made)} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def main() -> None:
    """Print a Markdown table for each round of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the examiner's training")
    given = parser.parse_args()
    workspace, examiner = Workspace(given.workspace), train_examiner(given.steps, given.work, best_device())
    print("| synthetic images | n | right condition | right vessel | right class |\n|" + " --- |" * 5)
    for index, entries in workspace.journal.rounds(given.run).items():
        if "candidates" not in entries:
            continue
        made = workspace.candidates.find(entries["candidates"])
        verdicts = [v for v in workspace.candidates.filtered(given.run, index) if v.candidate_key in made]
        kept = [made[verdict.candidate_key] for verdict in verdicts if verdict.kept]
        print(line(f"round {index}, all", list(made.values()), examiner))
        print(line(f"round {index}, kept", kept, examiner))
        for name in sorted(Counter(verdict.filter for verdict in verdicts if not verdict.kept)):
            rejected = [made[v.candidate_key] for v in verdicts if not v.kept and v.filter == name]
            print(line(f"round {index}, rejected by {name}", rejected, examiner))


if __name__ == "__main__":
    main()
