"""Device choice and CPU parallelism: several jobs at once are faster than one job on all threads."""

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
    """Return `cuda` if a GPU is available, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def process_rank_and_count() -> tuple[int, int]:
    """Return this process's rank and the number of training processes, as `accelerate launch` sets them."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@cache
def keep_freed_memory() -> None:
    """Make glibc keep freed memory for reuse; does nothing on other platforms or on a GPU.

    By default glibc returns large blocks to the kernel, which clears every page again: half of the training time on
    two cores went into that (docs/performance.md). The cost: the process never shrinks.
    """
    if not sys.platform.startswith("linux") or best_device() != "cpu":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # musl has none
        for setting, value in _MALLOC:
            mallopt(setting, value)


_MALLOC = ((-4, 0), (-1, 2**31 - 1), (-8, 1))
"""malloc.h: M_MMAP_MAX, M_TRIM_THRESHOLD (bytes; the maximum), M_ARENA_MAX (threads share freed memory)."""


def count_parallel() -> int:
    """Return how many jobs `map_on_cores` runs side by side at most."""
    import torch

    # Distributed processes must run their steps in the same order.
    in_parallel = best_device() != "cuda" and process_rank_and_count()[1] == 1
    return torch.get_num_threads() if in_parallel else 1


def map_on_cores(
    function: Callable[[Job], Result], jobs: Iterable[Job], at_once: int | None = None
) -> Iterator[Result]:
    """Yield `function(job)` in order: in parallel on a CPU, one by one on a GPU or in distributed training.

    On two cores, two trainings in parallel took 0.78 of the time they take one after the other.

    Args:
        function: Called from other threads.
        jobs: Its arguments.
        at_once: Jobs that share torch's threads, at most one per thread; None gives each job one thread. It must
            not depend on the jobs left: the number of threads per job decides the last bits of its floats.

    Raises:
        BaseException: Whatever the first failing job raised; jobs that have not started are dropped.
    """
    import torch

    keep_freed_memory()
    threads = torch.get_num_threads()
    workers = min(count_parallel(), at_once or threads)
    if workers == 1:
        yield from map(function, jobs)
        return
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads // workers,))
    try:
        yield from pool.map(function, jobs)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
