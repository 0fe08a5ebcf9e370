"""Estimates how long the demo takes on this machine, for `atlantis demo`."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

from atlantis_core.base.plural import count_noun

DEMO_SECONDS = 230.0
"""Of the demo on two idle cores of a machine that README describes."""
PROBE_SECONDS = 0.225
"""Of `time_probe` there."""

_THREADS = 2  # as the demo: two trainings side by side, each on one core
_SIDE, _PRODUCTS = 512, 120


def describe_duration() -> str:
    """Return a line that says how long the demo will take: its time elsewhere, scaled by a probe of this machine."""
    minutes = max(1, round(estimate_seconds(time_probe()) / 60))
    return (
        f"it takes about {count_noun(minutes, 'minute')} on {count_noun(count_cores(), 'core')} as busy as now, less "
        "where the workspace has parts of it"
    )


def estimate_seconds(probed: float) -> float:
    """Return the demo's seconds on a machine where `time_probe` returns `probed`."""
    return DEMO_SECONDS * probed / PROBE_SECONDS


def time_probe() -> float:
    """Return the seconds that threads take, side by side, for a fixed number of matrix products each."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    square = np.random.default_rng(0).random((_SIDE, _SIDE), np.float32)

    def multiply(_: int) -> None:
        for _ in range(_PRODUCTS):
            square @ square

    with threadpool_limits(limits=1), ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda _: square @ square, range(_THREADS)))  # starts the threads, wakes the cores
        started = time.perf_counter()
        list(pool.map(multiply, range(_THREADS)))
        return time.perf_counter() - started


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
