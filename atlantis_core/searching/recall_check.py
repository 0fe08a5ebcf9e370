"""How much of the truth an index finds: its graph against all vectors, on questions drawn from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_folders import lock_index, read_facts, write_facts
from atlantis_core.searching.vectors import find_nearest

NUM_QUERIES = 200
_TOP_K = 10
_PART = 20  # questions compared with all vectors at once
_TIE = 1e-6


def measure_recall(
    index: SearchIndex, questions: int = NUM_QUERIES, seed: int = 0, progress: Progress = no_progress
) -> float | None:
    """Return the share of the 10 truly nearest images that the graph finds, 0 to 1; lower is worse.

    Args:
        index: Its own vectors ask, each leaving out itself.
        questions: How many ask.
        seed: Of the draw.
        progress: Told how many were asked.

    Returns:
        None where there are not two images.

    Raises:
        SetupError: The index cannot be read.
    """
    kept = index.vectors()
    if len(kept.ids) < 2:
        return None
    chosen = np.random.default_rng(seed).permutation(len(kept.ids))[:questions]
    shares: list[float] = []
    for start in range(0, len(chosen), _PART):
        progress("comparing with exact answers", start, len(chosen))
        rows = chosen[start : start + _PART]
        shares += _recall_per_query(index, rows)
    progress("comparing with exact answers", len(chosen), len(chosen))
    return float(np.mean(shares))


def _recall_per_query(index: SearchIndex, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[float]:
    kept = index.vectors()
    count = min(_TOP_K, len(kept.ids) - 1)
    _, far = find_nearest(kept.rows[rows], kept.rows, index.facts.distance, count + 1)
    found = index.query(kept.rows[rows], count + 1)
    shares = []
    for row, limit, hits in zip(rows, far[:, -1], found, strict=True):
        others = [hit for hit in hits if hit.id != kept.ids[row] and hit.distance <= limit + _TIE]
        shares.append(min(count, len(others)) / count)
    return shares


def record_recall(folder: Path, progress: Progress = no_progress) -> float | None:
    """Measure an index and write the figure down beside it.

    Args:
        folder: Of the index.
        progress: Told how many questions were asked.

    Raises:
        SetupError: The index cannot be read or written.
    """
    index = SearchIndex(folder)
    try:
        recall = measure_recall(index, progress=progress)
    finally:
        index.close()
    with lock_index(folder, writing=True):
        write_facts(folder, replace(read_facts(folder), recall_at_10=recall))
    return recall
