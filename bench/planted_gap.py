"""Targeted against uniform against none, on harbor worlds with a planted gap: the figures of docs/results.md.

`python bench/planted_gap.py --worlds 0 --seeds 5 --images 400`. Both arms are whole runs of the loop with the
rule planner: same images made, same generator, filters, recipe, steps and seeds. Only where the images go differs.

`--generator retrieve` takes real images from a pool instead: those of a balanced world with another seed, without
labels and under names that say nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlantis_core.base.serialization import as_json
from atlantis_core.harbor.planted import read_planted_gap
from atlantis_core.harbor.world_files import write_bundled_collection
from atlantis_core.records import Cell, Comparison
from atlantis_core.run.journal import EntryKind, JournalKind, Record
from atlantis_core.run.measurements import compare_arms, load_outcomes, measure_arm, queries_in_cells
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_dml.app.request import RunOptions, RunRequest, build_request
from atlantis_dml.app.run import build_agents, create_run
from atlantis_dml.graph.running import advance

GOAL = "find where retrieval fails and fix it"


def run_arm(workspace: Workspace, request: RunRequest) -> Session:
    """Run the loop once and return its session."""
    begun, _ = create_run(request, workspace, _progress)
    session = Session(workspace, begun.id, begun.spec, _progress)
    outcome = advance(build_agents(session))
    if outcome.status != "done":
        raise SystemExit(f"run {begun.id} is {outcome.status}: {outcome.problem}")
    return session


def first_round(session: Session, kind: EntryKind[Record]) -> Record:
    """Return what the journal holds of the only round."""
    entry = session.read(1, kind)
    if entry is None:
        raise SystemExit(f"run {session.run_id} has no {kind.name!r} of round 1")
    return entry


def pool_of(workspace: Workspace, seed: int) -> Path:
    """Return a folder of unlabelled images of all classes in all conditions, none of them of a planted world."""
    folder = workspace.folder / f"pool-{seed}"
    if not folder.exists():
        world = write_bundled_collection(f"harbor-balanced:{1000 + seed}", workspace.path("collections"), _progress)
        part = workspace.path(f"pool-{seed}.part")
        for image in sorted(world.rglob("*.png")):
            name = hashlib.sha256(str(image.relative_to(world)).encode()).hexdigest()[:16]
            shutil.copyfile(image, part / f"{name}.png")
        part.rename(folder)
    return folder


def world_row(
    workspace: Workspace, seed: int, num_seeds: int, images: int, generator: str, captioner: str, remedies: str
) -> dict[str, Any]:
    """Measure one world."""
    if generator == "retrieve":
        generator = f"retrieve:{pool_of(workspace, seed)}"
    given = RunOptions(
        budget_images=images,
        rounds=1,
        seeds=num_seeds,
        generator=generator,
        captioner=captioner,
        remedies=tuple(remedies.split(",")),
        max_seeds=num_seeds,
        auto=True,
        memory=False,
    )
    request = build_request(f"harbor:{seed}", given, workspace.folder, GOAL)
    started = time.monotonic()
    targeted = run_arm(workspace, request)
    uniform = run_arm(workspace, replace(request, spec=replace(request.spec, spread="uniform")))
    gap = read_planted_gap(targeted.loaded.collection.root)
    queries = queries_in_cells(targeted, [Cell(*names) for names in gap])
    ours, theirs = first_round(targeted, JournalKind.ARMS), first_round(uniform, JournalKind.ARMS)
    none, ours_with, theirs_with = (
        load_outcomes(targeted, trial_ids) for trial_ids in (ours["baseline"], ours["candidate"], theirs["candidate"])
    )
    verdicts = {
        name: workspace.candidates.filtered(session.run_id, 1)
        for name, session in (("targeted", targeted), ("uniform", uniform))
    }
    return {
        "world": request.spec.data,
        "gap": f"{gap[0][2]} x {gap[0][0].split('-')[0]} ({len(gap)} classes)",
        "gap_queries": len(queries),
        "seeds": num_seeds,
        "made_and_kept": {name: [len(v), sum(one.kept for one in v)] for name, v in verdicts.items()},
        "targeted_over_none": as_json(compare_arms(targeted, none, ours_with, queries)),
        "uniform_over_none": as_json(compare_arms(targeted, none, theirs_with, queries)),
        "targeted_over_uniform": as_json(compare_arms(targeted, theirs_with, ours_with, queries)),
        "overall": {
            name: round(recall, 4)
            for name, trial_ids in (
                ("none", ours["baseline"]),
                ("uniform", theirs["candidate"]),
                ("targeted", ours["candidate"]),
            )
            if (recall := measure_arm(targeted, trial_ids).recall_at[1]) is not None
        },
        "kept": first_round(targeted, JournalKind.DECISION).kept,
        "first_gap": as_json(first_round(targeted, JournalKind.GAPS)[0].cell),
        "seconds": round(time.monotonic() - started, 1),
    }


def line_of(row: dict[str, Any]) -> str:
    """One Markdown table row."""

    def gain(name: str) -> str:
        found = Comparison(**row[name])
        return f"{100 * found.gain:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"

    before, ours = row["targeted_over_none"]["before"], row["targeted_over_none"]["after"]
    made = "; ".join(f"{name} {made}/{kept}" for name, (made, kept) in row["made_and_kept"].items())
    overall = " / ".join(f"{row['overall'][name]:.3f}" for name in ("none", "uniform", "targeted"))
    cells = (
        row["world"],
        row["gap"],
        f"{before:.3f} -> {row['uniform_over_none']['after']:.3f} / {ours:.3f}",
        gain("targeted_over_none"),
        gain("targeted_over_uniform"),
        overall,
        made,
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Measure the worlds that were asked for and print a Markdown table; JSON goes to --out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worlds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--generator", default="photometric", help="photometric, retrieve or diffusion:MODEL")
    parser.add_argument("--captioner", default="attributes", help="transformers:harbor checks synthetic images")
    parser.add_argument(
        "--remedies", default="generate", help="names by comma; images alone differ in their cells only"
    )
    parser.add_argument("--workspace", type=Path, default=Path("atlantis-workspace/results"))
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    rows = []
    print("| world | planted gap | R@1 on the gap: none -> uniform / targeted | targeted over none | ", end="")
    print("targeted over uniform | overall R@1 none / uniform / targeted | made/kept |\n|" + " --- |" * 7)
    for seed in asked.worlds:
        how = (asked.seeds, asked.images, asked.generator, asked.captioner, asked.remedies)
        rows.append(world_row(Workspace(asked.workspace), seed, *how))
        print(line_of(rows[-1]), flush=True)
    if asked.out:
        asked.out.write_text(json.dumps(rows, indent=1))


def _progress(what: str, done: int, total: int) -> None:
    if done == total:
        print(f"{what}: {total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
