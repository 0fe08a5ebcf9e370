"""Which device computes, and how the cores are shared: several jobs at once beat one job on all threads."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def best_device() -> str:
    """Return `cuda` where there is one, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def process_rank_and_count() -> tuple[int, int]:
    """Return this process's number and how many train together, as the launcher says (`accelerate launch`)."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@cache
def keep_freed_memory() -> None:
    """Ask glibc to keep what a step frees for the next one; elsewhere, and on a GPU, nothing happens.

    By default it hands large blocks back, and the kernel clears every page anew: half of the time of a training on
    two cores went into that (docs/performance.md). The process then stays as large as it once was.
    """
    if not sys.platform.startswith("linux") or best_device() != "cpu":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        for setting, value in _MALLOC:
            mallopt(setting, value)


_MALLOC = ((-4, 0), (-1, 2**31 - 1), (-8, 1))
"""malloc.h: M_MMAP_MAX, M_TRIM_THRESHOLD (bytes; the most there is), M_ARENA_MAX (threads share what is kept)."""


def map_on_cores(
    function: Callable[[Job], Result], jobs: Iterable[Job], at_once: int | None = None
) -> Iterator[Result]:
    """Yield `function(job)` in order, several at once on a CPU, one by one on a GPU or beside other processes.

    On two cores two trainings side by side took 0.78 of the time they would take one after the other.

    Args:
        function: Called from other threads.
        jobs: What to call it with.
        at_once: How many jobs share torch's threads; never more than there are threads. It must not depend on
            how much of the work is left: a job's number of threads decides the last bits of its floats. None
            gives every job one thread.

    Raises:
        BaseException: Whatever the first failing job raised; jobs that have not begun are dropped.
    """
    import torch

    keep_freed_memory()
    threads = torch.get_num_threads()
    alone = (
        best_device() != "cuda" and process_rank_and_count()[1] == 1
    )  # processes must come to the same step together
    workers = min(threads, at_once or threads) if alone else 1
    if workers == 1:
        yield from map(function, jobs)
        return
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads // workers,))
    try:
        yield from pool.map(function, jobs)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
