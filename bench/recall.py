"""Recall@{1,10,100,1000} and MAP@R at the size of Stanford Online Products, against peers. `python bench/recall.py`.

60,502 embeddings of 128 dimensions in 11,316 classes of 2 to 12, seed 0, every image a query among all others.
Each row runs in a process of its own, turn by turn, so that peak memory is its own and other jobs on the machine
meet all rows alike. Rows with faiss need `uv pip install faiss-cpu`, which nothing else here does; without it they
are left out. It takes a quarter of an hour. Peers let rounding decide ties, so their figures are compared with
`tie=0`; they report no Recall@K above 1, so they have less to do.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES, IMAGES, DIMENSIONS, SEED = 11_316, 60_502, 128, 0
NOISE = {"clustered": 1.4, "unclustered": None}
"""Spread of a class around its centre, the centres being standard normal; 1.4 gives Recall@1 of .755."""

Data = tuple[NDArray[np.float32], NDArray[np.int64]]


def draw(noise: float | None, images: int) -> Data:
    """Return unit-norm embeddings and labels, in random order; without noise the classes mean nothing."""
    generator = np.random.default_rng(SEED)
    classes = CLASSES * images // IMAGES
    sizes = generator.integers(2, 13, classes)
    while (off := images - int(sizes.sum())) != 0:
        room = np.flatnonzero(sizes < 12 if off > 0 else sizes > 2)
        sizes[generator.choice(room, min(len(room), abs(off)), replace=False)] += np.sign(off)
    labels = generator.permutation(np.repeat(np.arange(classes), sizes))
    points = generator.normal(size=(images, DIMENSIONS))
    if noise is not None:
        points = generator.normal(size=(classes, DIMENSIONS))[labels] + noise * points
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points.astype(np.float32), labels


def ours(points: NDArray[np.float32], labels: NDArray[np.int64], tie: float | None = None) -> dict[str, float]:
    """Rank with `atlantis_core.metrics`."""
    from atlantis_core.metrics import METRICS
    from atlantis_core.metrics.rank_counters import TIE
    from atlantis_core.metrics.ranking import rank_gallery
    from atlantis_core.metrics.retrieval_metrics import recall_at_k

    ranking = rank_gallery(points, labels, points, labels, np.arange(len(labels)), tie=TIE if tie is None else tie)
    figures = {f"recall_at_{k}": recall_at_k(ranking, k) for k in (1, 10, 100, 1000)}
    figures |= {name: metric.measure(ranking) for name, metric in METRICS.items()}
    return {name: value for name, value in figures.items() if value is not None}


def plain(points: NDArray[np.float32], _: NDArray[np.int64]) -> dict[str, float]:
    """Only take the products, 1,024 queries at a time."""
    import torch

    every = torch.from_numpy(points)
    kept = torch.empty(1024, len(every))  # without it, clearing fresh pages takes longer than the products
    for rows in torch.arange(len(every)).split(1024):  # type: ignore[no-untyped-call]
        torch.mm(every[rows], every.T, out=kept[: len(rows)])
    return {}


def _calculator(points: NDArray[np.float32], labels: NDArray[np.int64], neighbours: Any) -> dict[str, float]:
    """Run pytorch-metric-learning's AccuracyCalculator."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    wanted = {
        "precision_at_1": "recall_at_1",
        "mean_average_precision_at_r": "map_at_r",
        "r_precision": "r_precision",
    }
    calculator = AccuracyCalculator(
        include=tuple(wanted), k="max_bin_count", knn_func=neighbours, device=torch.device("cpu")
    )
    found = calculator.get_accuracy(torch.from_numpy(points), torch.from_numpy(labels))
    return {ours_: found[theirs] for theirs, ours_ in wanted.items()}


def with_faiss(points: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """pytorch-metric-learning as it comes: faiss, exact L2."""
    return _calculator(points, labels, None)


def without_faiss(points: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """pytorch-metric-learning with its own search, in batches: without them the matrix would take 15 GB."""
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.inference import CustomKNN

    return _calculator(points, labels, CustomKNN(CosineSimilarity(), batch_size=1024))


ROWS: dict[str, Callable[[NDArray[np.float32], NDArray[np.int64]], dict[str, float]]] = {
    "atlantis": ours,
    "atlantis, tie=0": lambda points, labels: ours(points, labels, 0.0),
    "products alone": plain,
    "pml, faiss": with_faiss,
    "pml, no faiss": without_faiss,
}


def run_row(row: str, noise: float | None, images: int) -> dict[str, Any]:
    """Time one row in this process; libraries and data are loaded before."""
    import torch

    ROWS[row](*draw(noise, 500))
    points, labels = draw(noise, images)
    cpu, started = time.process_time(), time.perf_counter()
    figures = ROWS[row](points, labels)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "figures": figures,
    }


def in_process(row: str, data: str, images: int) -> dict[str, Any]:
    """Run one row in a process of its own."""
    words = [sys.executable, __file__, "--row", row, "--data", data, "--images", str(images)]
    # Threads that wait spinning would slow all rows down beside any other job (docs/performance.md).
    settings = {"OMP_WAIT_POLICY": "passive", **os.environ}
    answer = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True, env=settings)  # noqa: S603 - this script
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def summary(row: str, runs: list[dict[str, Any]]) -> str:
    """Return a row of the table: medians, and the range of the seconds."""
    seconds = sorted(run["seconds"] for run in runs)
    cpu = statistics.median(run["cpu_seconds"] for run in runs)
    peak = max(run["peak_mb"] for run in runs)
    known = runs[0]["figures"]
    figures = ", ".join(f"{known[name]:.6f}" for name in ("recall_at_1", "map_at_r", "r_precision") if name in known)
    spread = f"{seconds[0]:.1f} to {seconds[-1]:.1f}"
    return f"| {row} | {statistics.median(seconds):.1f} ({spread}) | {cpu:.1f} | {peak:,.0f} | {figures or '-'} |"


def main() -> None:
    """Run the rows turn by turn and print a table; `--json FILE` keeps every run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", choices=ROWS, help="this row only, as JSON")
    parser.add_argument("--data", choices=NOISE, action="append", help="default: both")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if chosen.row:
        print(json.dumps(run_row(chosen.row, NOISE[chosen.data[0]], chosen.images)))
        return
    rows = [row for row in ROWS if row != "pml, faiss" or importlib.util.find_spec("faiss")]
    kept: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for data in chosen.data or NOISE:
        runs = kept[data] = {row: [] for row in rows}
        for _ in range(chosen.repeats):
            for row in rows:
                runs[row].append(in_process(row, data, chosen.images))
                print(f"{data}: {row}: {runs[row][-1]}", file=sys.stderr, flush=True)
        print(f"\n{data}, {chosen.images:,} x {DIMENSIONS}, seed {SEED}\n")
        print(
            "| | seconds (range) | CPU seconds | peak MB | R@1, MAP@R, R-precision |\n| --- | --- | --- | --- | --- |"
        )
        print("\n".join(summary(row, runs[row]) for row in rows), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
