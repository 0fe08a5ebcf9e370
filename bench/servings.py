"""Seconds and megabytes of each way to search: 100,000 gallery rows, 1,000 queries; random embeddings in classes.

`python bench/servings.py [ROWS]` prints one line a serving (`resource` gives the peak of the process so far, so the
servings come in ascending need of memory).
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from atlantis_core.learning.serving.interface import NO_CLASS, Photos
from atlantis_core.learning.serving.served_ranking import rank_served
from atlantis_core.learning.serving.servings import parse_serving

CLASSES, DIMS, QUERIES, POOL = 1000, 128, 1000, 10_000
TEXTS = ("", "prototypes", "prototypes+csls", "csls", "local_scaling", "query_expansion+csls", "rerank")


def draw(count: int, seed: int, *, labelled: bool = True) -> Photos:
    """Draw photos around the class centres."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, DIMS)).astype(np.float32)
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, count)
    vectors = centres[labels] + 1.5 * generator.normal(size=(count, DIMS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Photos(vectors, labels if labelled else np.full(count, NO_CLASS))


def main() -> None:
    """Time every serving."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    gallery, pool, queries = draw(rows, 1), draw(POOL, 2, labelled=False), draw(QUERIES, 3)
    rank_served(parse_serving("").fit(draw(100, 4), pool), queries)
    for text in TEXTS:
        started = time.perf_counter()
        served = parse_serving(text).fit(gallery, pool)
        fitted = time.perf_counter()
        hits = rank_served(served, queries).first_hit == 0
        ranked = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{text or 'nearest photo':24} R@1 {hits.mean():.3f}  fit {fitted - started:6.2f} s  "
            f"search {ranked - fitted:6.2f} s  peak {peak:6.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
