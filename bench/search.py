"""How exact and how fast image search is at 100,000 x 128: `python bench/search.py`, for docs/search.md.

Random unit vectors, spread evenly over the sphere (the hardest case: nothing is near) and in 1,000 clusters (what
embeddings look like), are filled into an index through the same code as `atlantis index`, with its default settings.
500 questions of the same kind that are not in it are asked one by one: through the graph, with filters that half and
a fiftieth of the images meet (100 questions each), and exactly. Recall@10 counts what is found of the 10 nearest
(that meet the filter).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlantis_core.records import Collection, LabelledImage
from atlantis_core.searching.chroma import HnswSettings
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_building import IndexSource, fill_index, prepare_index

Rows = NDArray[np.float32]
CLUSTERS, NOISE = 1000, 0.05


class Numbers:
    """Stands in for a model: image number n gets row n."""

    distance, embedding, model_hash = "cosine", "", "0" * 32

    def __init__(self, rows: Rows) -> None:
        self._rows, self.dims = rows, rows.shape[1]

    def embed(self, images: Sequence[Any]) -> Rows:
        """Return rows (N, D) by the numbers that the paths end with."""
        return self._rows[[int(Path(image).name) for image in images]]

    def embed_text(self, texts: Sequence[str]) -> Rows:
        """Knows no words."""
        raise NotImplementedError


def rows_of(kind: str, count: int, dims: int, generator: np.random.Generator, centres: Rows) -> Rows:
    """Return unit vectors (count, dims), spread evenly or clustered around centres."""
    rows = generator.normal(size=(count, dims))
    if kind == "clustered":
        rows = centres[generator.integers(0, len(centres), count)] + NOISE * rows
    found: Rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def measured(kind: str, count: int, dims: int, questions: int) -> dict[str, Any]:
    """Build an index and ask it."""
    generator = np.random.default_rng(0)
    centres = rows_of("even", CLUSTERS, dims, generator, np.zeros((0, dims), np.float32))
    rows = rows_of(kind, count, dims, generator, centres)
    asked = rows_of(kind, questions, dims, generator, centres)
    nearness = asked @ rows.T

    def nearest_of(meeting: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.argsort(-np.where(meeting, nearness, -2), axis=1)[:, :10]

    truth = nearest_of(np.ones(count, bool))
    with tempfile.TemporaryDirectory() as place:
        folder, root = Path(place) / "index" / "bench", Path(place) / "photos"
        images = tuple(
            LabelledImage(str(n), str(root / str(n)), f"class-{n % 50}", "train", "both", {"half": str(n % 2)})
            for n in range(count)
        )
        embedder = Numbers(rows)
        prepare_index(folder, "bench", embedder)
        started = time.monotonic()
        fill_index(folder, embedder, IndexSource(Collection("bench", str(root), images, ("half",), {}, (), True, 0)))
        built = time.monotonic() - started
        index = SearchIndex(folder)
        index.query(asked[:1])
        graph, found = _timed(asked, index.query)
        half, halves = _timed(asked[:100], lambda row: index.query(row, where={"half": ["1"]}))
        rare, rares = _timed(asked[:100], lambda row: index.query(row, where={"label": ["class-7"]}))
        index.query(asked[:1], exact=True)
        exact, sure = _timed(asked[:100], lambda row: index.query(row, exact=True))
        disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
        index.close()
    return {
        "vectors": kind,
        "recall_at_10": _share(found, truth),
        "exact_recall_at_10": _share(sure, truth),
        "query_ms": graph,
        "half_ms": half,
        "half_recall_at_10": _share(halves, nearest_of(np.arange(count) % 2 == 1)),
        "rare_ms": rare,
        "rare_recall_at_10": _share(rares, nearest_of(np.arange(count) % 50 == 7)),
        "exact_ms": exact,
        "build_seconds": built,
        "disk_mb": disk,
    }


def _share(answers: Sequence[Any], truth: NDArray[np.int64]) -> float:
    """Return the share of the 10 truly nearest that is among the answers."""
    pairs = zip(answers, truth.tolist(), strict=False)
    return float(np.mean([len({int(hit.id) for hit in found} & set(true)) / 10 for found, true in pairs]))


def _timed(asked: Rows, ask: Callable[[Rows], Any]) -> tuple[tuple[float, float], list[Any]]:
    """Return median and 95th percentile in milliseconds, and the answers."""
    taken, answers = [], []
    for row in asked:
        started = time.perf_counter()
        answers.append(ask(row)[0])
        taken.append(1000 * (time.perf_counter() - started))
    return (float(np.median(taken)), float(np.percentile(taken, 95))), answers


def _times(found: tuple[float, float]) -> str:
    return f"{found[0]:.1f} ({found[1]:.1f})"


def _cell(recall: float, times: tuple[float, float]) -> str:
    return f"{recall:.4f}, {_times(times)}"


def main() -> None:
    """Print a Markdown table (median and 95th percentile of times) and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=128)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(f"{given.images:,} x {given.dims}, {HnswSettings()}\n")
    print("| vectors | query: recall@10, ms | half meet a filter | a fiftieth | exact ms | built in s | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    found = []
    for kind in ("clustered", "even"):
        one = measured(kind, given.images, given.dims, given.questions)
        found.append(one)
        asked = [_cell(one["recall_at_10"], one["query_ms"])]
        asked += [_cell(one[f"{kind}_recall_at_10"], one[f"{kind}_ms"]) for kind in ("half", "rare")]
        size = f"{one['build_seconds']:.0f} | {one['disk_mb']:.0f}"
        print(f"| {one['vectors']} | {' | '.join(asked)} | {_times(one['exact_ms'])} | {size} |", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
