"""How fast the gallery is with 10,000 candidates: `python bench/gallery.py`, for docs/performance.md.

Writes a run of so many candidates (of 200 distinct images) into a temporary workspace, serves it, and opens the
gallery in headless Chromium, each time with an empty browser cache: seconds until the first image is painted, and
until an image is there after a jump to the middle and to the end; and how many cards the page holds then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.data.reading import read_collection
from atlantis_core.harbor.world_files import write_bundled_collection
from atlantis_core.records import Budget, Candidate, Cell, CellRequest, Goal, Protocol, RunSpec, Verdict
from atlantis_core.store.workspace import Workspace

IMAGES, SIDE_PX = 200, 256
_LOADED = (
    "(() => {{ const one = document.querySelector('{where} img'); return one?.complete && one.naturalWidth; }})()"
)


def fill(workspace: Workspace, count: int) -> str:
    """Write a run with `count` judged candidates; return its id."""
    folder = write_bundled_collection("harbor-tiny", workspace.path("collections"), lambda *_: None)
    loaded = read_collection(folder, ReadOptions(), "seen", lambda *_: None)
    spec = RunSpec(workspace.collections.add(loaded), "harbor-tiny", Goal("many"), Budget(images=count))
    run, train = workspace.runs.create(spec), loaded.collection.of_split("train")
    paths = [_image(workspace, number) for number in range(IMAGES)]
    keys, verdicts = [], []
    for number in range(count):
        source = train[number % len(train)]
        key, cell = f"{number:040x}", Cell(source.label, "condition", ("day", "night")[number % 2])
        prompt = f"a photo of {source.label}, number {number}"
        path = str(paths[number % IMAGES])
        workspace.candidates.add(
            Candidate(key, path, "0" * 64, cell, prompt, source.id, "bench/1", {}, number, "p", 1, 0.1)
        )
        score = (number * 7919 % 1000) / 500
        verdicts.append(Verdict(key, score <= 1.1, "margin", score, f"margin {score:.3f}"))
        keys.append(key)
    workspace.candidates.judge(run.id, 1, verdicts)
    cells = (CellRequest(Cell(train[0].label), count),)
    protocol = Protocol("p", 1, "edit", cells, "many", "bench", "margin", 1.0, 0.0)
    workspace.journal.write(run.id, 1, "protocol", protocol)
    workspace.journal.write(run.id, 1, "candidates", keys)
    workspace.runs.mark(run.id, "done", "bench")
    return run.id


def _image(workspace: Workspace, number: int) -> Path:
    path = workspace.objects / f"{number}.png"
    noise = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC).save(path)
    return path


def measured(browser: Any, address: str, run_id: str) -> dict[str, float]:
    """Open the gallery once, cold."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    found: dict[str, float] = {}
    started = time.monotonic()
    page.goto(f"{address}/gallery?run={run_id}", wait_until="commit")
    page.wait_for_function(_LOADED.format(where=".card"), polling=20)
    found["first image"] = time.monotonic() - started
    for name, share in (("middle", 0.5), ("end", 1.0)):
        started = time.monotonic()
        block = page.evaluate(
            "(share) => { const all = document.querySelectorAll('.block');"
            " const one = all[Math.round(share * (all.length - 1))]; one.scrollIntoView();"
            " return one.dataset.index; }",
            share,
        )
        page.wait_for_function(_LOADED.format(where=f'.block[data-index="{block}"] .card'), polling=20)
        found[name] = time.monotonic() - started
    page.wait_for_timeout(500)
    found["cards in the page"] = page.locator(".card").count()
    page.context.close()
    return found


def main() -> None:
    """Print a Markdown table and the figures as JSON."""
    from serving import looking, serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "workspace"
        run_id = fill(Workspace(folder), given.candidates)
        with serving(folder, "harbor-tiny") as address, looking() as browser:
            rows = [measured(browser, address, run_id) for _ in range(given.times)]
    print(
        f"{given.candidates:,} candidates, {given.times} cold openings\n\n| | median | slowest |\n| --- | --- | --- |"
    )
    for name in rows[0]:
        values = [row[name] for row in rows]
        unit = "" if name.startswith("cards") else " s"
        print(f"| {name} | {statistics.median(values):.2f}{unit} | {max(values):.2f}{unit} |")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
