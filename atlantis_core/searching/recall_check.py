"""Recall@10 of an index: how many of the truly nearest images its graph finds, for queries drawn from its vectors."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_folders import lock_index, read_facts, write_facts
from atlantis_core.searching.vectors import find_nearest

NUM_QUERIES = 200
_TOP_K = 10
_BATCH = 20  # queries compared with all vectors at once
_TIE = 1e-6


def measure_recall(index: SearchIndex, seed: int = 0, progress: Progress = no_progress) -> float | None:
    """Return the share of the 10 truly nearest images that the graph finds, 0 to 1; lower is worse.

    The index's own vectors are the queries, each searched among the others; `seed` decides which `NUM_QUERIES` of
    them. An index of fewer than two images gets None, one with a serving 1: it is not searched through the graph.

    Raises:
        SetupError: The index cannot be read.
    """
    vectors = index.vectors()
    if len(vectors.ids) < 2:
        return None
    if index.facts.serving:
        return 1.0
    chosen = np.random.default_rng(seed).permutation(len(vectors.ids))[:NUM_QUERIES]
    count = min(_TOP_K, len(vectors.ids) - 1)
    shares: list[float] = []
    for start in range(0, len(chosen), _BATCH):
        progress("comparing with exact answers", start, len(chosen))
        rows = chosen[start : start + _BATCH]
        _, far = find_nearest(vectors.rows[rows], vectors.rows, index.facts.distance, count + 1)
        found = index.query(vectors.rows[rows], count + 1)
        for row, limit, hits in zip(rows, far[:, -1], found, strict=True):
            others = [hit for hit in hits if hit.id != vectors.ids[row] and hit.distance <= limit + _TIE]
            shares.append(min(count, len(others)) / count)
    progress("comparing with exact answers", len(chosen), len(chosen))
    return float(np.mean(shares))


def record_recall(folder: Path, progress: Progress = no_progress) -> float | None:
    """Measure an index and store the result in its facts."""
    with closing(SearchIndex(folder)) as index:
        recall = measure_recall(index, progress=progress)
    with lock_index(folder, writing=True):
        write_facts(folder, replace(read_facts(folder), recall_at_10=recall))
    return recall
